namespace Annotator.Web.Data;

/// <summary>A text to be continued (x).</summary>
public sealed class Prompt
{
    public long Id { get; set; }
    public long StudyId { get; set; }
    public Study? Study { get; set; }
    public required string Text { get; set; }
    public PromptSplit Split { get; set; }
    public required DateTime CreatedAt { get; set; }
}

/// <summary>Held-out prompts are never trained on; they serve evaluation.</summary>
public enum PromptSplit
{
    Train = 0,
    Heldout = 1,
}

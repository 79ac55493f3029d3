using Annotator.Web.Data;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Web.Prompts;

/// <summary>Which of a study's prompts; what is null does not matter.</summary>
public sealed record PromptFilter
{
    /// <summary>Stands somewhere in the text, capitals or not.</summary>
    public string? Text { get; init; }

    public PromptSplit? Split { get; init; }

    /// <summary>Nothing is sampled for it.</summary>
    public bool? IsPaused { get; init; }

    /// <summary>Brought by this import.</summary>
    public long? ImportId { get; init; }

    internal IQueryable<Prompt> Of(AnnotatorDbContext db, long studyId)
    {
        var prompts = db.Prompts.Where(p => p.StudyId == studyId);
        prompts = Split is { } split ? prompts.Where(p => p.Split == split) : prompts;
        prompts = IsPaused is { } paused ? prompts.Where(p => p.IsPaused == paused) : prompts;
        prompts = ImportId is { } import ? prompts.Where(p => p.ImportId == import) : prompts;
        if (string.IsNullOrWhiteSpace(Text))
        {
            return prompts;
        }

        var pattern = $"%{Text.Trim().Replace("\\", "\\\\", StringComparison.Ordinal).Replace("%", "\\%", StringComparison.Ordinal).Replace("_", "\\_", StringComparison.Ordinal)}%";
        return prompts.Where(p => EF.Functions.Like(p.Text, pattern, "\\"));
    }
}

/// <summary>The prompts that a change is for: those of these ids, or all that a filter lets through.</summary>
public sealed record PromptSelection
{
    private PromptSelection(IReadOnlyCollection<long>? ids, PromptFilter? filter) => (Ids, Filter) = (ids, filter);

    public IReadOnlyCollection<long>? Ids { get; }

    public PromptFilter? Filter { get; }

    public static PromptSelection These(IReadOnlyCollection<long> ids) => new(ids, null);

    public static PromptSelection All(PromptFilter filter) => new(null, filter);
}

/// <summary>What is changed of prompts; what is null stays.</summary>
public sealed record PromptChange
{
    public bool? IsPaused { get; init; }

    /// <summary>From <see cref="QueueOrder.LowestPriority"/> to <see cref="QueueOrder.HighestPriority"/>.</summary>
    public int? Priority { get; init; }

    public PromptSplit? Split { get; init; }
}

/// <summary>A prompt in the list.</summary>
/// <param name="Text">Its beginning, if it is very long.</param>
/// <param name="Comparisons">Made of it so far, by any policy.</param>
/// <param name="Judgments">That stand on these.</param>
public sealed record PromptRow(long Id, string Text, bool IsChat, PromptSplit Split, int Priority, bool IsPaused, int Comparisons, int Judgments);

/// <summary>A stretch of the list, in the order in which the prompts came.</summary>
/// <param name="Next">What the next page is after; null on the last.</param>
public sealed record PromptPage(IReadOnlyList<PromptRow> Rows, long? Next);

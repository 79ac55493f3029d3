namespace Annotator.Web.Overview;

/// <summary>How an answer is to be taken.</summary>
public enum AnswerTone
{
    /// <summary>Neither good nor bad.</summary>
    Quiet,
    Good,

    /// <summary>Something to look at when there is time.</summary>
    Mind,

    /// <summary>Something that needs somebody now.</summary>
    Bad,
}

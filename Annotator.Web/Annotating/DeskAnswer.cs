using Annotator.Web.Data;

namespace Annotator.Web.Annotating;

/// <summary>An answer as a board gives it. Comment, reasons, flags and edit go with it from <see cref="DeskSession.Draft"/>.</summary>
public sealed record DeskAnswer(Answer Answer)
{
    /// <summary>As <see cref="JudgeRequest.SkipReason"/>.</summary>
    public SkipReason? SkipReason { get; init; }

    /// <summary>As <see cref="JudgeRequest.Strength"/>.</summary>
    public int? Strength { get; init; }

    /// <summary>As <see cref="JudgeRequest.Tiers"/>.</summary>
    public IReadOnlyList<IReadOnlyList<int>>? Tiers { get; init; }

    /// <summary>As <see cref="JudgeRequest.OrderUntouched"/>.</summary>
    public bool OrderUntouched { get; init; }

    /// <summary>Whether it says which is better: then the study may want a comment or a reason with it.</summary>
    public bool StatesPreference => Answer is Answer.Left or Answer.Right or Answer.Ranked;
}

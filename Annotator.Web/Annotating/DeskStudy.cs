using Annotator.Web.Data;

namespace Annotator.Web.Annotating;

/// <summary>The study as the desk shows it.</summary>
/// <param name="PolicyNumber">Of the newest policy: the "round" in the header; null before the first policy.</param>
/// <param name="Task">What is asked, and what may be given with an answer.</param>
public sealed record DeskStudy(long Id, string Name, string Guidelines, int GuidelinesVersion, int? PolicyNumber, StudyTask Task);

/// <summary>A study to choose, with the annotator's own progress in it.</summary>
/// <param name="Target">Judgments a day that the study asks of each annotator; null = no target.</param>
/// <param name="HasWork">Whether something is in stock that somebody may take, or on the annotator's own desk.</param>
public sealed record StudyChoice(long Id, string Name, TaskKind Kind, int ResponsesPerComparison, DeskCounts Mine, int? Target, bool HasWork);

/// <summary>Why there is nothing to judge.</summary>
public enum EmptyDesk
{
    /// <summary>The study has no prompts to train on.</summary>
    NoPrompts,

    /// <summary>Responses to some prompts are still to come from the sampler.</summary>
    Sampling,

    /// <summary>What is left lies on other annotators' desks.</summary>
    WithOthers,

    /// <summary>Every prompt is judged under the newest policy: a round would bring fresh responses.</summary>
    AllJudged,

    /// <summary>The study was archived, or is for chosen people who the annotator is not among.</summary>
    NotOpen,

    /// <summary>The annotator has done the day's share; see <see cref="Seat.BeyondTarget"/>.</summary>
    TargetReached,
}

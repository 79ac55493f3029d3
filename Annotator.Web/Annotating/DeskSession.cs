using Annotator.Web.Data;
using Annotator.Web.Languages;
using Annotator.Web.Live;
using Annotator.Web.Sampling;
using Microsoft.Extensions.Localization;

namespace Annotator.Web.Annotating;

/// <summary>Where the desk stands.</summary>
public enum DeskPhase
{
    Opening,

    /// <summary>A comparison is on screen and waits for an answer.</summary>
    Reading,

    /// <summary>An answer was given; it is highlighted while it is committed. Answers are not heard.</summary>
    Answered,

    Empty,
}

/// <summary>
/// One annotator's sitting at the desk: what is on screen, what was prefetched behind it, and what a key does to them; or a
/// second look at one answer from the history. The page draws it. Called on one thread at a time, as a circuit does.
/// </summary>
/// <param name="highlight">How long the answer stays highlighted before the next comparison appears.</param>
public sealed partial class DeskSession(
    Desk desk, Seat seat, DeskStudy study, TimeProvider clock, TimeSpan highlight, ILogger<DeskSession> logger, IStringLocalizer<Words> words) : IAsyncDisposable
{
    private readonly CancellationTokenSource leaving = new();

    private Seat seat = seat;
    private Task answering = Task.CompletedTask;
    private DateTime lastAsked;
    private long appearedAt;
    private bool noticeIsSeen;

    /// <summary>Raised when something on screen changed.</summary>
    public event Action? Changed;

    public DeskStudy Study { get; private set; } = study;
    public DeskPhase Phase { get; private set; } = DeskPhase.Opening;

    /// <summary>What is on screen; null while opening and while there is nothing to judge.</summary>
    public ShownComparison? Current { get; private set; }

    /// <summary>The answer that is highlighted; null unless <see cref="DeskPhase.Answered"/>.</summary>
    public DeskAnswer? Given { get; private set; }

    /// <summary>The kind of <see cref="Given"/>.</summary>
    public Answer? Chosen => Given?.Answer;

    public DeskCounts Counts { get; private set; } = new(0, 0);

    /// <summary>Why the desk is empty; null unless <see cref="DeskPhase.Empty"/>.</summary>
    public EmptyDesk? Empty { get; private set; }

    /// <summary>A quiet word beside the progress; null most of the time.</summary>
    public string? Notice { get; private set; }

    /// <summary>What went wrong and what to do, in a sentence; null if all is well.</summary>
    public string? Problem { get; private set; }

    /// <summary>What a screen reader says when the comparison changes.</summary>
    public string Announcement { get; private set; } = "";

    /// <summary>The answer from the history that is looked at again; null at work as usual.</summary>
    public JudgedEntry? Revising { get; private set; }

    /// <summary>What <see cref="Revising"/> has become; the page is done then.</summary>
    public JudgedEntry? Revised { get; private set; }

    /// <summary>Puts the first comparison on screen and prefetches the second; or an answer from the history, if it still stands.</summary>
    /// <param name="judgmentId">Of the answer to revise.</param>
    public async Task OpenAsync(long? judgmentId = null)
    {
        Counts = await desk.CountAsync(seat, leaving.Token);
        if (judgmentId is { } id)
        {
            Revising = await desk.JudgedAsync(seat, id, leaving.Token);
            if (Revising is { } entry)
            {
                Show(entry.Comparison with { Draft = entry.Comparison.Draft ?? DraftOf(entry) }, words["You look at this one again: {0}", Spoken(entry.Comparison)]);
                return;
            }

            SetNotice(words["That answer was changed or taken back meanwhile."]);
        }

        await ShowNextAsync("");
    }

    /// <summary>
    /// Answers the comparison that was on screen when the key was pressed. A key for another comparison than the present
    /// one, or during the highlight, does nothing.
    /// </summary>
    public Task AnswerAsync(long comparisonId, DeskAnswer answer)
    {
        ArgumentNullException.ThrowIfNull(answer);
        return Phase == DeskPhase.Reading && Current?.Id == comparisonId ? answering = JudgeAsync(Current, answer) : Task.CompletedTask;
    }

    /// <inheritdoc cref="AnswerAsync(long, DeskAnswer)" />
    public Task AnswerAsync(long comparisonId, Answer answer, SkipReason? reason = null) =>
        AnswerAsync(comparisonId, new DeskAnswer(answer) { SkipReason = reason });

    private async Task JudgeAsync(ShownComparison comparison, DeskAnswer answer)
    {
        var seconds = clock.GetElapsedTime(appearedAt).TotalSeconds;
        (Phase, Given, Problem) = (DeskPhase.Answered, answer, null);
        Changed?.Invoke();
        var pause = Task.Delay(highlight, clock, leaving.Token);
        var behind = await prefetched;
        var request = Request(comparison, answer, seconds) with { PrefetchedId = behind?.Id };
        JudgeResult result;
        try
        {
            await ForgetUnsavedDraftAsync();
            if (Revising is { } entry)
            {
                var revised = await desk.ReviseAsync(seat, entry.JudgmentId, request, leaving.Token);
                await pause;
                Revised = revised;
                Changed?.Invoke();
                return;
            }

            result = await desk.JudgeAsync(seat, request, leaving.Token);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            NotSaved(logger, e, comparison.Id);
            (Phase, Given) = (DeskPhase.Reading, null);
            Problem = e is RefusedException
                ? e.Message
                : words["Your answer was not saved. The comparison stays here: answer it again in a moment, or reload the page."];
            KeepDraftSoon();
            Changed?.Invoke();
            return;
        }

        lastAsked = clock.GetUtcNow().UtcDateTime;
        Counts = result.Counts;
        // Fresh responses may have replaced the prefetched one while the judgment was written; otherwise it may be gone,
        // because its lease ran out while the annotator thought.
        if ((await prefetched)?.Id == behind?.Id && !result.PrefetchedIsKept)
        {
            prefetched = Nothing;
        }

        await pause;
        if (result.Gold is { } gold)
        {
            SetNotice(gold.Correct ? words["You agreed with the known answer."] : words["The known answer was: {0}", words.Order(comparison, gold.Ranking)]);
        }

        await ShowNextAsync(result.Outcome switch
        {
            JudgeOutcome.AlreadyJudged => words["You had judged this one in another window."],
            JudgeOutcome.TakenOver => words["While you were away, others took that one over."],
            _ => "",
        }, result.Next);
    }

    private JudgeRequest Request(ShownComparison comparison, DeskAnswer answer, double seconds) => new()
    {
        Comparison = comparison,
        Answer = answer.Answer,
        SkipReason = answer.SkipReason,
        Strength = answer.Strength,
        Tiers = answer.Tiers,
        OrderUntouched = answer.OrderUntouched,
        Comment = Draft.Comment,
        Reasons = answer.StatesPreference ? Draft.Reasons ?? [] : [],
        Flags = Draft.Flags,
        Edit = answer.Answer != Answer.Skip && Draft.Edit is { } edit && Study.Task.AllowsEdit && edit.IsOf(comparison) ? edit : null,
        Seconds = seconds,
        GuidelinesVersion = Study.GuidelinesVersion,
        RequestId = Guid.NewGuid(),
    };

    /// <summary>Takes the last judgment back and puts its comparison on screen; what was there waits behind it.</summary>
    public async Task UndoAsync()
    {
        // An undo right after an answer means that answer.
        await answering;
        if (Revising is not null || Phase is not (DeskPhase.Reading or DeskPhase.Empty))
        {
            return;
        }

        var undo = answering = TakeBackAsync();
        await undo;
    }

    private async Task TakeBackAsync()
    {
        var (phase, behind) = (Phase, Current);
        await KeepDraftAsync();
        (Phase, Problem) = (DeskPhase.Answered, null);
        try
        {
            var undone = await desk.UndoAsync(seat, Guid.NewGuid(), leaving.Token);
            lastAsked = clock.GetUtcNow().UtcDateTime;
            if (undone is null)
            {
                Phase = phase;
                SetNotice(words["Nothing to undo"]);
                Changed?.Invoke();
                return;
            }

            Counts = undone.Counts;
            if (behind is not null && behind.Id != undone.Comparison.Id)
            {
                var third = await prefetched;
                prefetched = Task.FromResult<ShownComparison?>(behind with { Draft = Draft.IsEmpty ? null : Draft });
                await GiveBackAsync(third);
            }

            SetNotice(words["Undone: {0}", words.Of(undone.Answer)]);
            Show(undone.Comparison, words["Undone. You had answered: {0}. The comparison is back.", words.Of(undone.Answer)]);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            NotUndone(logger, e);
            Phase = phase;
            Problem = e is RefusedException ? e.Message : words["The undo was not saved: try it again in a moment."];
            Changed?.Invoke();
        }
    }

    /// <summary>What the feed told. Fresh responses replace what was prefetched; what is on screen stays.</summary>
    public async Task HearAsync(LiveEvent what)
    {
        if (what.StudyId != Study.Id || Phase == DeskPhase.Opening)
        {
            return;
        }

        if (what is FreshResponsesReady fresh && fresh.PolicyNumber > (Study.PolicyNumber ?? -1))
        {
            Study = Study with { PolicyNumber = fresh.PolicyNumber };
            if (fresh.PolicyNumber > 0)
            {
                SetNotice(words["Round {0}: fresh responses", fresh.PolicyNumber]);
            }

            if (Current is { } current && Revising is null)
            {
                prefetched = ReplaceAsync(prefetched, current.Id);
            }

            Changed?.Invoke();
        }

        if (Phase == DeskPhase.Empty && what is FreshResponsesReady or PolicyPublished or ProducerStateChanged)
        {
            await LookAgainAsync();
        }
    }

    /// <summary>Goes on although the study's target for the day is reached.</summary>
    public async Task GoOnAsync()
    {
        seat = seat with { BeyondTarget = true };
        await LookAgainAsync();
    }

    /// <summary>Keeps the draft and gives back what was prefetched; what is on screen stays leased, so that a reload finds it.</summary>
    public async ValueTask DisposeAsync()
    {
        await leaving.CancelAsync();
        await KeepDraftAsync();
        try
        {
            await GiveBackAsync(await prefetched);
        }
        catch (OperationCanceledException)
        {
            // The prefetch was still under way: it leased nothing, or its lease runs out by itself.
        }

        leaving.Dispose();
    }

    // It stays until one more comparison has been answered.
    private void SetNotice(string text) => (Notice, noticeIsSeen) = (text, false);

    [LoggerMessage(LogLevel.Error, "A judgment on comparison {Comparison} was not saved")]
    private static partial void NotSaved(ILogger logger, Exception e, long comparison);

    [LoggerMessage(LogLevel.Error, "An undo was not saved")]
    private static partial void NotUndone(ILogger logger, Exception e);

    [LoggerMessage(LogLevel.Error, "The stock of comparisons could not be read")]
    private static partial void NothingRead(ILogger logger, Exception e);

    [LoggerMessage(LogLevel.Error, "What was begun on comparison {Comparison} was not kept")]
    private static partial void DraftNotKept(ILogger logger, Exception e, long comparison);
}

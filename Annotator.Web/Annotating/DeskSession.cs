using Annotator.Web.Data;
using Annotator.Web.Live;
using Annotator.Web.Sampling;

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
/// One annotator's sitting at the desk: what is on screen, what was prefetched behind it, and what a key does to them.
/// The page draws it. Called on one thread at a time, as a circuit does.
/// </summary>
/// <param name="highlight">How long the answer stays highlighted before the next comparison appears.</param>
public sealed partial class DeskSession(
    Desk desk, Seat seat, DeskStudy study, TimeProvider clock, TimeSpan highlight, ILogger<DeskSession> logger) : IAsyncDisposable
{
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(5);

    private readonly CancellationTokenSource leaving = new();
    private static readonly Task<ShownComparison?> Nothing = Task.FromResult<ShownComparison?>(null);

    private Task<ShownComparison?> prefetched = Nothing;
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
    public Answer? Chosen { get; private set; }

    public DeskCounts Counts { get; private set; } = new(0, 0);

    /// <summary>Why the desk is empty; null unless <see cref="DeskPhase.Empty"/>.</summary>
    public EmptyDesk? Empty { get; private set; }

    /// <summary>A quiet word beside the progress; null most of the time.</summary>
    public string? Notice { get; private set; }

    /// <summary>What went wrong and what to do, in a sentence; null if all is well.</summary>
    public string? Problem { get; private set; }

    /// <summary>What a screen reader says when the comparison changes.</summary>
    public string Announcement { get; private set; } = "";

    /// <summary>Goes with the answer to <see cref="Current"/>.</summary>
    public string? Comment { get; set; }

    /// <summary>Puts the first comparison on screen and prefetches the second.</summary>
    public async Task OpenAsync()
    {
        Counts = await desk.CountAsync(seat, leaving.Token);
        await ShowNextAsync("");
    }

    /// <summary>
    /// Answers the comparison that was on screen when the key was pressed. A key for another comparison than the present
    /// one, or during the highlight, does nothing.
    /// </summary>
    public Task AnswerAsync(long comparisonId, Answer answer, SkipReason? reason = null) =>
        Phase == DeskPhase.Reading && Current?.Id == comparisonId
            ? answering = JudgeAsync(Current, answer, reason)
            : Task.CompletedTask;

    private async Task JudgeAsync(ShownComparison comparison, Answer answer, SkipReason? reason)
    {
        var seconds = clock.GetElapsedTime(appearedAt).TotalSeconds;
        (Phase, Chosen, Problem) = (DeskPhase.Answered, answer, null);
        Changed?.Invoke();
        var pause = Task.Delay(highlight, clock, leaving.Token);
        var behind = await prefetched;
        var request = new JudgeRequest
        {
            Comparison = comparison,
            Answer = answer,
            SkipReason = reason,
            Comment = Comment,
            Seconds = seconds,
            GuidelinesVersion = Study.GuidelinesVersion,
            PrefetchedId = behind?.Id,
            RequestId = Guid.NewGuid(),
        };
        JudgeResult result;
        try
        {
            result = await desk.JudgeAsync(seat, request, leaving.Token);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            NotSaved(logger, e, comparison.Id);
            (Phase, Chosen) = (DeskPhase.Reading, null);
            Problem = e is RefusedException
                ? e.Message
                : "Your answer was not saved. The comparison stays here: answer it again in a moment, or reload the page.";
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
        await ShowNextAsync(result.Outcome switch
        {
            JudgeOutcome.AlreadyJudged => "You had judged this one in another window.",
            JudgeOutcome.TakenOver => "While you were away, others took that one over.",
            _ => "",
        }, result.Next);
    }

    /// <summary>Takes the last judgment back and puts its comparison on screen; what was there waits behind it.</summary>
    public async Task UndoAsync()
    {
        // An undo right after an answer means that answer.
        await answering;
        if (Phase is not (DeskPhase.Reading or DeskPhase.Empty))
        {
            return;
        }

        var undo = answering = TakeBackAsync();
        await undo;
    }

    private async Task TakeBackAsync()
    {
        var (phase, behind) = (Phase, Current);
        (Phase, Problem) = (DeskPhase.Answered, null);
        try
        {
            var undone = await desk.UndoAsync(seat, Guid.NewGuid(), leaving.Token);
            lastAsked = clock.GetUtcNow().UtcDateTime;
            if (undone is null)
            {
                Phase = phase;
                SetNotice("Nothing to undo");
                Changed?.Invoke();
                return;
            }

            Counts = undone.Counts;
            if (behind is not null && behind.Id != undone.Comparison.Id)
            {
                var third = await prefetched;
                prefetched = Task.FromResult<ShownComparison?>(behind);
                await GiveBackAsync(third);
            }

            SetNotice($"Undone: {Spoken(undone.Answer)}");
            Show(undone.Comparison, $"Undone. You had answered: {Spoken(undone.Answer)}. The comparison is back.");
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            NotUndone(logger, e);
            Phase = phase;
            Problem = "The undo was not saved: try it again in a moment.";
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
                SetNotice($"Round {fresh.PolicyNumber}: fresh responses");
            }

            if (Current is { } current)
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

    /// <summary>Gives back what was prefetched; what is on screen stays leased, so that a reload finds it.</summary>
    public async ValueTask DisposeAsync()
    {
        await leaving.CancelAsync();
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

    /// <param name="before">Said before the comparison is.</param>
    /// <param name="afterNext">Already leased for the time after the prefetched one.</param>
    private async Task ShowNextAsync(string before, ShownComparison? afterNext = null)
    {
        var next = await prefetched;
        if (next is null)
        {
            (next, afterNext) = (afterNext ?? await TakeAsync([]), null);
        }

        prefetched = Nothing;
        if (next is not null)
        {
            Show(next, $"{before} {(Current is null ? "Comparison" : "Next comparison")}: {next.Prompt}".TrimStart());
            // The two are the same if fresh responses came in between.
            prefetched = afterNext is null || afterNext.Id == next.Id ? TakeAsync([next.Id]) : Task.FromResult<ShownComparison?>(afterNext);
            return;
        }

        var wasEmpty = Phase == DeskPhase.Empty;
        (Phase, Current, Chosen, Comment) = (DeskPhase.Empty, null, null, null);
        Empty = await WhyEmptyAsync();
        if (!wasEmpty)
        {
            Announcement = "There is nothing to judge at the moment.";
            _ = WaitForStockAsync();
        }

        Changed?.Invoke();
    }

    private void Show(ShownComparison comparison, string announcement)
    {
        if (noticeIsSeen)
        {
            Notice = null;
        }

        noticeIsSeen = true;
        (Phase, Current, Chosen, Empty, Comment) = (DeskPhase.Reading, comparison, null, null, comparison.Draft?.Comment);
        Announcement = announcement;
        appearedAt = clock.GetTimestamp();
        Changed?.Invoke();
    }

    // It stays until one more comparison has been answered.
    private void SetNotice(string text) => (Notice, noticeIsSeen) = (text, false);

    /// <summary>The next comparison; null if there is none or it can't be read; <see cref="WhyEmptyAsync"/> tells which.</summary>
    private async Task<ShownComparison?> TakeAsync(long[] except)
    {
        try
        {
            var next = await desk.NextAsync(seat, except, leaving.Token);
            lastAsked = clock.GetUtcNow().UtcDateTime;
            return next;
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            NothingRead(logger, e);
            return null;
        }
    }

    private async Task<EmptyDesk?> WhyEmptyAsync()
    {
        try
        {
            Problem = null;
            return await desk.WhyEmptyAsync(seat, leaving.Token);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            NothingRead(logger, e);
            Problem = "The stock of comparisons can't be read at the moment; the desk tries again by itself.";
            return null;
        }
    }

    private async Task<ShownComparison?> ReplaceAsync(Task<ShownComparison?> old, long onScreen)
    {
        await GiveBackAsync(await old);
        return await TakeAsync([onScreen]);
    }

    private async Task GiveBackAsync(ShownComparison? comparison)
    {
        if (comparison is not null)
        {
            // Also when the page is being left, so not under its token.
            await desk.ReleaseAsync(seat, [comparison.Id], lastAsked, CancellationToken.None);
        }
    }

    /// <summary>The feed speaks of new responses; a lease of another that ran out makes no sound, so look now and then.</summary>
    private async Task WaitForStockAsync()
    {
        using var timer = new PeriodicTimer(LookEvery, clock);
        try
        {
            while (Phase == DeskPhase.Empty && await timer.WaitForNextTickAsync(leaving.Token))
            {
                await LookAgainAsync();
            }
        }
        catch (OperationCanceledException)
        {
            // The page was left.
        }
    }

    private async Task LookAgainAsync()
    {
        if (Phase == DeskPhase.Empty && answering.IsCompleted)
        {
            await ShowNextAsync("");
        }
    }

    private static string Spoken(Answer answer) => answer switch
    {
        Answer.Left => "1 is better",
        Answer.Right => "2 is better",
        Answer.Tie => "tie",
        Answer.BothBad => "both bad",
        _ => "skipped",
    };

    [LoggerMessage(LogLevel.Error, "A judgment on comparison {Comparison} was not saved")]
    private static partial void NotSaved(ILogger logger, Exception e, long comparison);

    [LoggerMessage(LogLevel.Error, "An undo was not saved")]
    private static partial void NotUndone(ILogger logger, Exception e);

    [LoggerMessage(LogLevel.Error, "The stock of comparisons could not be read")]
    private static partial void NothingRead(ILogger logger, Exception e);
}

namespace Annotator.Web.Annotating;

/// <content>What comes next, and what was fetched for it.</content>
public sealed partial class DeskSession
{
    private const int LongestAnnounced = 300;

    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(5);
    private static readonly Task<ShownComparison?> Nothing = Task.FromResult<ShownComparison?>(null);

    private Task<ShownComparison?> prefetched = Nothing;

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
            var what = Current is null ? words["Comparison: {0}", Spoken(next)] : words["Next comparison: {0}", Spoken(next)];
            Show(next, $"{before} {what}".TrimStart());
            // The two are the same if fresh responses came in between.
            prefetched = afterNext is null || afterNext.Id == next.Id ? TakeAsync([next.Id]) : Task.FromResult<ShownComparison?>(afterNext);
            return;
        }

        var wasEmpty = Phase == DeskPhase.Empty;
        (Phase, Current, Given, Draft) = (DeskPhase.Empty, null, null, new());
        Empty = await WhyEmptyAsync();
        if (!wasEmpty)
        {
            Announcement = words["There is nothing to judge at the moment."];
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
        (Phase, Current, Given, Empty, Draft) = (DeskPhase.Reading, comparison, null, null, comparison.Draft ?? new());
        Announcement = announcement;
        appearedAt = clock.GetTimestamp();
        Changed?.Invoke();
    }

    /// <summary>The end of a long prompt: a reader may go through all of it at leisure.</summary>
    private static string Spoken(ShownComparison comparison) => ResponseCard.LeadOf(comparison.Prompt, LongestAnnounced);

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
            Problem = words["The stock of comparisons can't be read at the moment; the desk tries again by itself."];
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
}

namespace Annotator.Web.Annotating;

/// <content>What was begun on the comparison on screen; it outlives the page.</content>
public sealed partial class DeskSession
{
    /// <summary>Between two savings: somebody types.</summary>
    private static readonly TimeSpan SaveEvery = TimeSpan.FromMilliseconds(400);

    private Task keeping = Task.CompletedTask;
    private bool isUnsaved;
    private bool isSavingSoon;

    /// <summary>Goes with the answer to <see cref="Current"/>; empty if nothing was begun.</summary>
    public DeskDraft Draft { get; private set; } = new();

    /// <summary>Of <see cref="Draft"/>.</summary>
    public string? Comment
    {
        get => Draft.Comment;
        set => Change(Draft with { Comment = value });
    }

    /// <summary>Takes over what was begun; a moment later it is in the database. Nothing while no comparison waits for an answer.</summary>
    public void Change(DeskDraft draft)
    {
        ArgumentNullException.ThrowIfNull(draft);
        if (Phase == DeskPhase.Reading)
        {
            Draft = draft;
            KeepDraftSoon();
            Changed?.Invoke();
        }
    }

    /// <summary>Writes what is not in the database yet: the page asks, or is being left, or the app stops.</summary>
    /// <returns>False if it could not be written; it is tried again with the next change.</returns>
    public async Task<bool> KeepDraftAsync()
    {
        await keeping;
        if (isUnsaved && Current is { } comparison)
        {
            isUnsaved = false;
            await (keeping = SaveAsync(comparison.Id, Draft));
        }

        return !isUnsaved;
    }

    /// <summary>Goes back from an answer of the history without changing it.</summary>
    public async Task LeaveRevisionAsync()
    {
        if (Revising is { } entry)
        {
            await ForgetUnsavedDraftAsync();
            await desk.SaveDraftAsync(seat, entry.Comparison.Id, null, CancellationToken.None);
        }
    }

    private void KeepDraftSoon()
    {
        isUnsaved = true;
        if (!isSavingSoon)
        {
            isSavingSoon = true;
            _ = KeepDraftSoonAsync();
        }
    }

    private async Task KeepDraftSoonAsync()
    {
        try
        {
            await Task.Delay(SaveEvery, clock, leaving.Token);
            isSavingSoon = false;
            await KeepDraftAsync();
        }
        catch (OperationCanceledException)
        {
            // The page is being left, and keeps the draft itself.
        }
    }

    /// <summary>The answer takes it along, and no late saving must bring it back.</summary>
    private async Task ForgetUnsavedDraftAsync()
    {
        isUnsaved = false;
        await keeping;
    }

    private async Task SaveAsync(long comparisonId, DeskDraft draft)
    {
        try
        {
            // Also when the page is being left, so not under its token.
            await desk.SaveDraftAsync(seat, comparisonId, draft, CancellationToken.None);
            lastAsked = clock.GetUtcNow().UtcDateTime;
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            DraftNotKept(logger, e, comparisonId);
            // A text that is too long is refused with a sentence that says so when it is given as an answer.
            isUnsaved = Current?.Id == comparisonId && e is not Data.RefusedException;
        }
    }

    private static DeskDraft DraftOf(JudgedEntry entry) => new()
    {
        Comment = entry.Comment,
        Edit = entry.Edit,
        Tiers = entry.Comparison.IsPair ? null : entry.Tiers,
        Reasons = entry.Reasons.Count > 0 ? entry.Reasons : null,
        Flags = entry.Flags,
    };
}

using System.Text.Json;
using Annotator.Web.Data;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Web.Annotating;

/// <content>What was begun is kept, until it is judged.</content>
public sealed partial class Desk
{
    /// <summary>Drafts kept for each annotator; the oldest go first.</summary>
    private const int MostDrafts = 50;

    /// <summary>
    /// Keeps what the annotator has begun on a comparison, in the place of what was kept before; null forgets it. A lease
    /// that the annotator still has on it is renewed: whoever writes is at work.
    /// </summary>
    /// <exception cref="RefusedException">The comment or the edited response is too long, or the comparison is not there any more.</exception>
    public async Task SaveDraftAsync(Seat seat, long comparisonId, DeskDraft? draft, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(seat);
        var me = seat.RequireAnnotator();
        if (draft is not null)
        {
            check.Lengths(draft.Comment, draft.Edit?.Text);
        }

        using var turn = await gate.EnterAsync(cancel);
        await using var db = await contexts.CreateDbContextAsync(cancel);
        await using var transaction = await db.Database.BeginTransactionAsync(cancel);
        if (!await db.Comparisons.AnyAsync(c => c.Id == comparisonId && c.StudyId == seat.StudyId, cancel))
        {
            throw NotThere;
        }

        var now = Now;
        await KeepDraftAsync(db, me, comparisonId, draft, now, cancel);
        await new ComparisonQueue(db, sideOrder, seat.StudyId, me, now).RenewAsync(comparisonId, cancel);
        await transaction.CommitAsync(cancel);
    }

    private static async Task KeepDraftAsync(
        AnnotatorDbContext db, string me, long comparisonId, DeskDraft? draft, DateTime now, CancellationToken cancel)
    {
        if (draft is null or { IsEmpty: true })
        {
            await db.Drafts.Where(d => d.AnnotatorId == me && d.ComparisonId == comparisonId).ExecuteDeleteAsync(cancel);
            return;
        }

        var content = JsonSerializer.Serialize(draft, JsonSerializerOptions.Web);
        if (await db.Drafts.SingleOrDefaultAsync(d => d.AnnotatorId == me && d.ComparisonId == comparisonId, cancel) is { } kept)
        {
            (kept.Content, kept.UpdatedAt) = (content, now);
        }
        else
        {
            db.Drafts.Add(new() { AnnotatorId = me, ComparisonId = comparisonId, Content = content, UpdatedAt = now });
            var tooOld = await db.Drafts.Where(d => d.AnnotatorId == me).OrderByDescending(d => d.UpdatedAt).Skip(MostDrafts - 1).ToListAsync(cancel);
            db.Drafts.RemoveRange(tooOld);
        }

        await db.SaveWithoutSavepointAsync(cancel);
    }

    private static async Task<DeskDraft?> DraftAsync(AnnotatorDbContext db, long comparisonId, string me, CancellationToken cancel) =>
        await db.Drafts.AsNoTracking().Where(d => d.AnnotatorId == me && d.ComparisonId == comparisonId).Select(d => d.Content).FirstOrDefaultAsync(cancel) is { } json
            ? JsonSerializer.Deserialize<DeskDraft>(json, JsonSerializerOptions.Web)
            : null;
}

using Annotator.Web.Data;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Web.Annotating.Tour;

/// <summary>Who has seen the tour: a person's first visit to the desk begins with it, on whatever device.</summary>
public sealed class TourSeen(IDbContextFactory<AnnotatorDbContext> contexts, TimeProvider clock)
{
    /// <summary>
    /// Whether this is the person's first visit to the desk: true once, and from then on the desk is the start page. It is
    /// written down before the tour is shown, so that whoever leaves the tour at once does not come back to it.
    /// </summary>
    public async Task<bool> IsFirstVisitAsync(CurrentPerson person, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(person);
        var now = clock.GetUtcNow().UtcDateTime;
        await using var db = await contexts.CreateDbContextAsync(cancel);
        var first = db.Users.Where(p => p.Id == person.Id && p.TourSeenAt == null);
        return await first.AnyAsync(cancel) && await first.ExecuteUpdateAsync(set => set.SetProperty(p => p.TourSeenAt, now), cancel) > 0;
    }
}

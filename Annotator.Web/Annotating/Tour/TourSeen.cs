using Annotator.Web.Data;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Web.Annotating.Tour;

/// <summary>Who has seen the tour: a person's first visit to the desk begins with it, on whatever device.</summary>
public sealed class TourSeen(IDbContextFactory<AnnotatorDbContext> contexts, TimeProvider clock)
{
    public async Task<bool> ByAsync(CurrentPerson person, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(person);
        await using var db = await contexts.CreateDbContextAsync(cancel);
        return await db.Users.AnyAsync(p => p.Id == person.Id && p.TourSeenAt != null, cancel);
    }

    /// <summary>From now on the desk is the person's start page; a later visit to the tour changes nothing.</summary>
    public async Task RememberAsync(CurrentPerson person, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(person);
        var now = clock.GetUtcNow().UtcDateTime;
        await using var db = await contexts.CreateDbContextAsync(cancel);
        await db.Users.Where(p => p.Id == person.Id && p.TourSeenAt == null)
            .ExecuteUpdateAsync(set => set.SetProperty(p => p.TourSeenAt, now), cancel);
    }
}

using Annotator.Web.Data;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Web.Demo;

/// <summary>What an admin does with the demo.</summary>
public sealed class DemoOperations(IDbContextFactory<AnnotatorDbContext> contexts, DemoAnnotators annotators, TimeProvider clock)
{
    public DemoState State => annotators.State;

    /// <summary>Sets the simulated annotators to work on the demo study, which is made first if there is none.</summary>
    /// <returns>The demo study's id.</returns>
    /// <exception cref="NotAllowedException">Not an admin.</exception>
    public async Task<long> StartAsync(CurrentPerson who, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(who);
        who.RequireAdmin();
        await AuditAsync(who, "demo.start", $"{who.Name} started the demo with simulated annotators.", cancellation);
        return await annotators.BeginAsync(cancellation);
    }

    /// <summary>Ends it; what was judged stays.</summary>
    /// <exception cref="NotAllowedException">Not an admin.</exception>
    public async Task StopAsync(CurrentPerson who, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(who);
        who.RequireAdmin();
        await AuditAsync(who, "demo.stop", $"{who.Name} stopped the demo.", cancellation);
        await annotators.EndAsync();
    }

    /// <summary>The start option <c>--demo</c>.</summary>
    internal async Task StartByOptionAsync(CancellationToken cancellation)
    {
        await AuditAsync(null, "demo.start", "The option --demo started the demo with simulated annotators.", cancellation);
        await annotators.BeginAsync(cancellation);
    }

    private async Task AuditAsync(CurrentPerson? who, string action, string detail, CancellationToken cancellation)
    {
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        db.AuditEntries.Add(new() { PersonId = who?.Id, Action = action, Detail = detail, At = clock.GetUtcNow().UtcDateTime });
        await db.SaveChangesAsync(cancellation);
    }
}

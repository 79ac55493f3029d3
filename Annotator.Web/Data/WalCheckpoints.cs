using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Web.Data;

/// <summary>
/// Moves what was committed from SQLite's log into the database file every two seconds. By itself SQLite has the writer do it
/// whose commit fills the log, which would be one judgment in eighty, and the slowest by far.
/// </summary>
public sealed partial class WalCheckpoints(
    IDbContextFactory<AnnotatorDbContext> contexts, TimeProvider clock, ILogger<WalCheckpoints> logger) : BackgroundService
{
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(2);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Every, clock);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await using var db = await contexts.CreateDbContextAsync(stoppingToken);
                // Passive: it waits for nobody, and nobody for it.
                await db.Database.ExecuteSqlRawAsync("PRAGMA wal_checkpoint(PASSIVE)", stoppingToken);
            }
            catch (SqliteException e)
            {
                NotDone(logger, e);
            }
        }
    }

    [LoggerMessage(LogLevel.Warning, "The database's log could not be moved into its file; it is tried again")]
    private static partial void NotDone(ILogger logger, Exception e);
}

using System.Data.Common;
using Microsoft.EntityFrameworkCore.Diagnostics;

namespace Annotator.Web.Data;

/// <summary>
/// Set on every connection: a judgment that was committed survives a power cut (FULL), a writer waits for another
/// instead of failing, foreign keys hold, and a commit does not stop to tidy the log (<see cref="WalCheckpoints"/> does,
/// unless 80 MB have gathered).
/// </summary>
public sealed class SqliteSettings : DbConnectionInterceptor
{
    private const string Pragmas = "PRAGMA synchronous=FULL; PRAGMA busy_timeout=30000; PRAGMA foreign_keys=ON; PRAGMA wal_autocheckpoint=20000;";

    public override void ConnectionOpened(DbConnection connection, ConnectionEndEventData eventData)
    {
        ArgumentNullException.ThrowIfNull(connection);
        using var command = connection.CreateCommand();
        command.CommandText = Pragmas;
        command.ExecuteNonQuery();
    }

    public override async Task ConnectionOpenedAsync(
        DbConnection connection, ConnectionEndEventData eventData, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(connection);
        await using var command = connection.CreateCommand();
        command.CommandText = Pragmas;
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}

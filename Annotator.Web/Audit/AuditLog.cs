using System.Runtime.CompilerServices;
using Annotator.Model.Preferences;
using Annotator.Model.Preferences.Datasets;
using Annotator.Web.Data;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Web.Audit;

/// <summary>What is looked for in the log; null = everything.</summary>
public sealed record AuditFilter
{
    public string? PersonId { get; init; }

    /// <summary>A whole action, <c>round.start</c>, or a kind of them, <c>round</c>.</summary>
    public string? Action { get; init; }

    /// <summary>Within the sentence.</summary>
    public string? Text { get; init; }

    /// <summary>UTC; from the one on, before the other.</summary>
    public DateTime? From { get; init; }
    public DateTime? Until { get; init; }
}

/// <summary>One entry: who did what, when, from where.</summary>
/// <param name="Person">The user name; null = the app itself, or somebody who is gone.</param>
/// <param name="Address">The remote address; null = the app itself, or the command line.</param>
/// <param name="ApiKey">The name of the key that was used; null for a page.</param>
public sealed record AuditRow(long Id, DateTime At, string? Person, string Action, string Detail, string? Address, string? ApiKey);

/// <summary>Somebody who stands in the log.</summary>
public sealed record AuditPerson(string Id, string Name);

/// <summary>Reads the audit log. Rows are written by whoever changes something, in the same transaction.</summary>
public sealed class AuditLog(IDbContextFactory<AnnotatorDbContext> contexts)
{
    /// <summary>The newest entries before one.</summary>
    /// <param name="before">The id of the last one seen; null for the first page.</param>
    /// <exception cref="NotAllowedException">Not an admin; so with every operation below.</exception>
    public async Task<IReadOnlyList<AuditRow>> ListAsync(CurrentPerson by, AuditFilter filter, long? before, int count, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(by);
        ArgumentNullException.ThrowIfNull(filter);
        by.RequireAdmin();
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        return await Rows(db, Filtered(db, filter).Where(a => before == null || a.Id < before).OrderByDescending(a => a.Id).Take(count)).ToListAsync(cancellation);
    }

    /// <summary>The people and the actions that stand in the log, to choose from.</summary>
    public async Task<(IReadOnlyList<AuditPerson> People, IReadOnlyList<string> Actions)> ChoicesAsync(CurrentPerson by, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(by);
        by.RequireAdmin();
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        var people = await db.Users.Where(p => db.AuditEntries.Any(a => a.PersonId == p.Id)).OrderBy(p => p.NormalizedUserName)
            .Select(p => new AuditPerson(p.Id, p.UserName!)).ToListAsync(cancellation);
        return (people, await db.AuditEntries.Select(a => a.Action).Distinct().OrderBy(action => action).ToListAsync(cancellation));
    }

    /// <summary>Streams what the filter lets through, the oldest first, as <c>jsonl</c> or <c>csv</c>; the stream stays open.</summary>
    /// <exception cref="ArgumentException">Another ending.</exception>
    public async Task WriteAsync(CurrentPerson by, AuditFilter filter, string ending, Stream stream, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(by);
        ArgumentNullException.ThrowIfNull(filter);
        by.RequireAdmin();
        await (ending switch
        {
            "jsonl" => JsonLines.WriteAsync(stream, AllAsync(filter, cancellation), cancellation),
            "csv" => CsvTable.WriteAsync(stream, Columns, AllAsync(filter, cancellation), cancellation),
            _ => throw new ArgumentException($"The log is written as jsonl or csv, not as {ending}.", nameof(ending)),
        });
    }

    private static readonly IReadOnlyList<TableColumn<AuditRow>> Columns =
    [
        new("id", ColumnType.Whole, row => row.Id),
        new("at", ColumnType.Time, row => row.At),
        new("person", ColumnType.Text, row => row.Person),
        new("action", ColumnType.Text, row => row.Action),
        new("detail", ColumnType.Text, row => row.Detail),
        new("address", ColumnType.Text, row => row.Address),
        new("api_key", ColumnType.Text, row => row.ApiKey),
    ];

    private async IAsyncEnumerable<AuditRow> AllAsync(AuditFilter filter, [EnumeratorCancellation] CancellationToken cancellation)
    {
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        await foreach (var row in Rows(db, Filtered(db, filter).OrderBy(a => a.Id)).AsAsyncEnumerable().WithCancellation(cancellation))
        {
            yield return row;
        }
    }

    private static IQueryable<AuditEntry> Filtered(AnnotatorDbContext db, AuditFilter filter)
    {
        var entries = db.AuditEntries.AsNoTracking();
        entries = filter.PersonId is { } person ? entries.Where(a => a.PersonId == person) : entries;
        // Between "round." and "round/", which is the next character: a range of the index, where LIKE would walk all of it.
#pragma warning disable CA1309 // What EF makes SQL of takes no comparison; SQLite's own is ordinal.
        entries = filter.Action is { } action
            ? entries.Where(a => a.Action == action || (string.Compare(a.Action, action + ".") >= 0 && string.Compare(a.Action, action + "/") < 0))
            : entries;
#pragma warning restore CA1309
        entries = filter.Text is { } text ? entries.Where(a => a.Detail.Contains(text)) : entries;
        entries = filter.From is { } from ? entries.Where(a => a.At >= from) : entries;
        return filter.Until is { } until ? entries.Where(a => a.At < until) : entries;
    }

    private static IQueryable<AuditRow> Rows(AnnotatorDbContext db, IQueryable<AuditEntry> entries) => entries.Select(a => new AuditRow(
        a.Id, a.At, db.Users.Where(p => p.Id == a.PersonId).Select(p => p.UserName).FirstOrDefault(), a.Action, a.Detail, a.Address,
        db.ApiKeys.Where(k => k.Id == a.ApiKeyId).Select(k => k.Name).FirstOrDefault()));
}

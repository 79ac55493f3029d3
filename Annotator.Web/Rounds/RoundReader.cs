using Annotator.Model.Preferences;
using Annotator.Web.Data;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Web.Rounds;

/// <summary>A round as the pages show it: its row, and what its directory says.</summary>
/// <param name="Result">What the trainer reported at its end; null before, or if it left nothing.</param>
/// <param name="Counts">What the snapshot took and left out; null before it was written.</param>
public sealed record RoundView(Round Round, RoundResult? Result, SelectionCounts? Counts)
{
    /// <summary>Its training was cut off and can go on in the same directory.</summary>
    public required bool CanResume { get; init; }

    /// <summary>The loss before the first update is what theory says it must be; null where theory says nothing.</summary>
    public bool? StartsWhereItMust => Result is { Step0Loss: { } loss, ExpectedStep0Loss: { } expected } ? Math.Abs(loss - expected) <= 1e-3 : null;

    /// <summary>From the trainer's start to its end; null while it runs.</summary>
    public TimeSpan? Took => Round is { StartedAt: { } start, EndedAt: { } end } ? end - start : null;
}

/// <summary>A study's rounds and its line of policies.</summary>
public sealed record RoundsOverview(Study Study, IReadOnlyList<Policy> Policies, IReadOnlyList<RoundView> Rounds);

/// <summary>Reads rounds for the pages.</summary>
public sealed class RoundReader(IDbContextFactory<AnnotatorDbContext> contexts, DataFolder folder)
{
    /// <summary>Everything of one study, rounds newest first, policies from 0 on.</summary>
    public async Task<RoundsOverview> OverviewAsync(CurrentPerson who, long studyId, CancellationToken cancellation = default)
    {
        who.RequireViewer();
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        var study = await db.Studies.AsNoTracking().SingleAsync(s => s.Id == studyId, cancellation);
        var policies = await db.Policies.AsNoTracking().Where(p => p.StudyId == studyId).OrderBy(p => p.Number).ToListAsync(cancellation);
        var views = new List<RoundView>();
        foreach (var round in await Rounds(db).Where(r => r.StudyId == studyId).OrderByDescending(r => r.Number).ToListAsync(cancellation))
        {
            views.Add(await ViewAsync(round, cancellation));
        }

        return new(study, policies, views);
    }

    /// <summary>One round by its number, or null if there is none.</summary>
    public async Task<RoundView?> FindAsync(CurrentPerson who, long studyId, int number, CancellationToken cancellation = default)
    {
        who.RequireViewer();
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        var round = await Rounds(db).SingleOrDefaultAsync(r => r.StudyId == studyId && r.Number == number, cancellation);
        return round is null ? null : await ViewAsync(round, cancellation);
    }

    /// <summary>The round's files.</summary>
    public RoundDirectory Directory(Round round) => new(folder.Round(round.DirectoryName));

    private static IQueryable<Round> Rounds(AnnotatorDbContext db) =>
        db.Rounds.AsNoTracking().Include(r => r.InitPolicy).Include(r => r.ResultPolicy).Include(r => r.StartedBy);

    private async Task<RoundView> ViewAsync(Round round, CancellationToken cancellation)
    {
        var directory = Directory(round);
        return new(round, File.Exists(directory.Result) ? RoundResult.Read(directory.Result) : null, await RoundSnapshot.ReadCountsAsync(directory, cancellation))
        {
            CanResume = RoundOperations.CanResume(round, directory),
        };
    }
}

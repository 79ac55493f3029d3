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
public sealed record RoundsOverview(Study Study, IReadOnlyList<Policy> Policies, IReadOnlyList<RoundView> Rounds)
{
    /// <summary>The rounds of all studies that wait, in the order in which they will run.</summary>
    public IReadOnlyList<QueuedRound> Queue { get; init; } = [];

    /// <summary>The round's place in the queue, from 1; null if it does not wait there.</summary>
    public int? PlaceOf(long roundId) => Queue.Index().Where(waiting => waiting.Item.Id == roundId).Select(waiting => (int?)(waiting.Index + 1)).FirstOrDefault();
}

/// <summary>A round that waits for its turn.</summary>
public sealed record QueuedRound(long Id, long StudyId, string Study, int Number);

/// <summary>Reads rounds for the pages.</summary>
public sealed class RoundReader(IDbContextFactory<AnnotatorDbContext> contexts, DataFolder folder)
{
    /// <summary>Bytes of a log that are shown.</summary>
    private const int MostOfLog = 64 * 1024;

    /// <summary>Everything of one study, rounds newest first, policies from 0 on.</summary>
    public async Task<RoundsOverview> OverviewAsync(CurrentPerson who, long studyId, CancellationToken cancellation = default)
    {
        who.RequireViewer();
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        var study = await db.Studies.AsNoTracking().SingleAsync(s => s.Id == studyId, cancellation);
        var policies = await db.Policies.AsNoTracking().Where(p => p.StudyId == studyId).OrderBy(p => p.Number).ToListAsync(cancellation);
        var views = new List<RoundView>();
        foreach (var round in await Rounds(db).Where(r => r.StudyId == studyId && r.State != RoundState.Deleted).OrderByDescending(r => r.Number).ToListAsync(cancellation))
        {
            views.Add(await ViewAsync(round, cancellation));
        }

        var queue = await db.Rounds.AsNoTracking().Where(r => r.State == RoundState.Queued).OrderBy(r => r.Id)
            .Select(r => new QueuedRound(r.Id, r.StudyId, r.Study!.Name, r.Number)).ToListAsync(cancellation);
        return new(study, policies, views) { Queue = queue };
    }

    /// <summary>One round by its number, or null if there is none.</summary>
    public async Task<RoundView?> FindAsync(CurrentPerson who, long studyId, int number, CancellationToken cancellation = default)
    {
        who.RequireViewer();
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        var round = await Rounds(db).SingleOrDefaultAsync(r => r.StudyId == studyId && r.Number == number && r.State != RoundState.Deleted, cancellation);
        return round is null ? null : await ViewAsync(round, cancellation);
    }

    /// <summary>The study's rounds that have ended and left curves, newest first.</summary>
    /// <exception cref="NotAllowedException">Neither an admin nor a viewer.</exception>
    public async Task<IReadOnlyList<Round>> WithCurvesAsync(CurrentPerson who, long studyId, CancellationToken cancellation = default)
    {
        who.RequireViewer();
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        var ended = await db.Rounds.AsNoTracking()
            .Where(r => r.StudyId == studyId && (r.State == RoundState.Succeeded || r.State == RoundState.Failed || r.State == RoundState.Cancelled || r.State == RoundState.Interrupted))
            .OrderByDescending(r => r.Number).ToListAsync(cancellation);
        return [.. ended.Where(round => File.Exists(Directory(round).Metrics))];
    }

    /// <summary>Responses before and after the round, on the same prompts; none before its end.</summary>
    /// <exception cref="NotAllowedException">Neither an admin nor a viewer.</exception>
    public IReadOnlyList<RoundSampleLine> Samples(CurrentPerson who, Round round)
    {
        who.RequireViewer();
        var path = Directory(round).Samples;
        return File.Exists(path) ? [.. JsonLines.Read<RoundSampleLine>(path)] : [];
    }

    /// <summary>The last lines that the trainer said, oldest first; none before it said anything.</summary>
    /// <exception cref="NotAllowedException">Neither an admin nor a viewer.</exception>
    public IReadOnlyList<string> Log(CurrentPerson who, Round round)
    {
        who.RequireViewer();
        var path = Directory(round).Log;
        if (!File.Exists(path))
        {
            return [];
        }

        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        var whole = file.Length <= MostOfLog;
        file.Seek(whole ? -file.Length : -MostOfLog, SeekOrigin.End);
        using var reader = new StreamReader(file);
        var lines = reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries);
        // The first line may have lost its beginning.
        return whole ? lines : lines[1..];
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

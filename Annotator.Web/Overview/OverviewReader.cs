using System.Collections.Concurrent;
using Annotator.Model.Evaluation;
using Annotator.Model.Preferences;
using Annotator.Web.Data;
using Annotator.Web.Engine;
using Annotator.Web.Evaluations;
using Annotator.Web.Sampling;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Web.Overview;

/// <summary>
/// Reads what the overview page answers. With a million judgments it must still answer at once: nothing is counted in
/// full; every query walks an index over few rows, or its answer is kept for a while.
/// </summary>
public sealed class OverviewReader(
    IDbContextFactory<AnnotatorDbContext> contexts, SampleProducer producer, ModelProcess sampler, DataFolder folder, JudgmentDays days, EvaluationTally tally, TimeProvider clock)
{
    /// <summary>Days in the trend.</summary>
    public const int TrendDays = 14;

    /// <summary>Less free space than this is told as a trouble: a round writes a policy, and SQLite needs room for its log.</summary>
    public const long LeastFreeBytes = 2L << 30;

    private const int FewestForAgreement = 10;
    private const int JudgmentsForAgreement = 5000;
    private static readonly TimeSpan Now = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan KeepAgreementFor = TimeSpan.FromMinutes(1);

    private readonly ConcurrentDictionary<long, (RecentAgreement? Agreement, DateTime At)> agreements = new();
    private readonly ConcurrentDictionary<long, (double? Before, double? After, int HeldOut)> accuracies = new();

    /// <summary>Everything of one study; null if there is no such study.</summary>
    /// <param name="who">An admin or a viewer.</param>
    /// <param name="studyId">The study.</param>
    /// <param name="utcOffset">Of the reader's place: decides when "today" began.</param>
    /// <param name="cancellation">Ends the reading.</param>
    /// <exception cref="NotAllowedException">Neither an admin nor a viewer.</exception>
    public async Task<StudyOverview?> ReadAsync(CurrentPerson who, long studyId, TimeSpan utcOffset = default, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(who);
        who.RequireViewer();
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        var study = await db.Studies.AsNoTracking().SingleOrDefaultAsync(s => s.Id == studyId, cancellation);
        if (study is null)
        {
            return null;
        }

        var stock = producer.StateOf(studyId);
        return new()
        {
            StudyId = study.Id,
            Name = study.Name,
            IsDemo = study.IsDemo,
            Judging = await JudgingAsync(db, study, utcOffset, cancellation),
            Stock = stock,
            Agreement = await AgreementAsync(db, studyId, cancellation),
            Rounds = await RoundsAsync(db, study, cancellation),
            Last = await LastRoundAsync(db, studyId, cancellation),
            Health = await HealthAsync(db, studyId, stock, cancellation),
        };
    }

    private async Task<JudgingNow> JudgingAsync(AnnotatorDbContext db, Study study, TimeSpan utcOffset, CancellationToken cancellation)
    {
        var since = clock.GetUtcNow().UtcDateTime - Now;
        var recent = await JudgmentDays.Standing(db, study.Id).Where(j => j.CreatedAt >= since)
            .GroupBy(j => j.AnnotatorId).Select(group => group.Count()).ToListAsync(cancellation);
        return new(recent.Count, recent.Sum(), study.JudgmentCount, await days.LastAsync(db, study.Id, TrendDays, utcOffset, cancellation));
    }

    private async Task<RecentAgreement?> AgreementAsync(AnnotatorDbContext db, long studyId, CancellationToken cancellation)
    {
        var now = clock.GetUtcNow().UtcDateTime;
        if (agreements.TryGetValue(studyId, out var kept) && now - kept.At < KeepAgreementFor)
        {
            return kept.Agreement;
        }

        var latest = await JudgmentDays.Standing(db, studyId)
            .Where(j => j.Origin == JudgmentOrigin.Queue)
            .OrderByDescending(j => j.CreatedAt).Take(JudgmentsForAgreement)
            .Where(j => j.Comparison!.JudgmentCount >= 2 && (j.Verdict == Verdict.Ranked || j.Verdict == Verdict.BothBad || j.Verdict == Verdict.NotRankable))
            .Select(j => new { j.ComparisonId, j.Verdict, j.Ranking })
            .ToListAsync(cancellation);
        // One value for each answer: which response is ahead, a tie, neither. A ranking of several is the order it states.
        var units = latest.GroupBy(j => j.ComparisonId, j => j.Ranking is { } tiers ? string.Join('|', tiers.Select(tier => string.Join(',', tier.Order()))) : j.Verdict.ToString())
            .Select(unit => (IReadOnlyList<string>)[.. unit]).Where(unit => unit.Count >= 2).ToList();
        var agreement = units.Count < FewestForAgreement ? null : new RecentAgreement(Agreement.KrippendorffNominal(units).Alpha, units.Count);
        agreements[studyId] = (agreement, now);
        return agreement;
    }

    private static async Task<RoundsNow> RoundsAsync(AnnotatorDbContext db, Study study, CancellationToken cancellation)
    {
        var running = await db.Rounds.Where(r => r.State == RoundState.Running && r.StudyId == study.Id).Select(r => new { r.Id, r.Number }).FirstOrDefaultAsync(cancellation);
        var queued = await db.Rounds.CountAsync(r => r.State == RoundState.Queued, cancellation);
        return new(running?.Number, running?.Id, queued, study.AutomaticRoundEvery);
    }

    private async Task<LastRound?> LastRoundAsync(AnnotatorDbContext db, long studyId, CancellationToken cancellation)
    {
        var last = await db.Rounds.AsNoTracking()
            .Where(r => r.StudyId == studyId && r.State == RoundState.Succeeded && r.ResultPolicy != null && r.InitPolicy != null)
            .OrderByDescending(r => r.Number)
            .Select(r => new { r.Id, r.Number, r.DirectoryName, r.EndedAt, Policy = r.ResultPolicy!, Over = r.InitPolicy! })
            .FirstOrDefaultAsync(cancellation);
        if (last is null)
        {
            return null;
        }

        var (before, after, heldOut) = accuracies.GetOrAdd(last.Id, _ => Accuracies(new RoundDirectory(folder.Round(last.DirectoryName))));
        return new(last.Number, last.Policy.Number, last.Over.Number, last.EndedAt ?? last.Policy.CreatedAt)
        {
            WinRate = await tally.OfPairAsync(last.Policy, last.Over, cancellation) is { WinRate: { } share, Interval: { } interval } result
                ? new(share, interval, result.Judgments)
                : null,
            AccuracyBefore = before,
            AccuracyAfter = after,
            HeldOut = heldOut,
        };
    }

    /// <summary>A round that has ended writes no more: its files are read once.</summary>
    private static (double? Before, double? After, int HeldOut) Accuracies(RoundDirectory directory)
    {
        try
        {
            var first = File.Exists(directory.Metrics) && File.ReadLines(directory.Metrics).FirstOrDefault() is { } line
                ? JsonLines.Parse<RoundMetrics>(line, directory.Metrics, 1)
                : null;
            var result = File.Exists(directory.Result) ? RoundResult.Read(directory.Result) : null;
            // A share says nothing where it is not known of how many.
            if (result is not { Used.EvalComparisons: > 0 and var heldOut })
            {
                return (null, null, 0);
            }

            // While policy and reference are the same, all rewards are 0 up to rounding, and which is larger is chance.
            return (Math.Abs(first?.EvalRewardsMargins ?? 0) < 1e-3 ? null : first?.EvalRewardsAccuracies, result.FinalMetrics?.EvalRewardsAccuracies, heldOut);
        }
        catch (Exception e) when (e is FormatException or IOException)
        {
            return (null, null, 0); // A round without readable files has nothing to say here; its own page tells why.
        }
    }

    private async Task<StudioHealth> HealthAsync(AnnotatorDbContext db, long studyId, ProducerState stock, CancellationToken cancellation)
    {
        var troubles = new List<Trouble>();
        if (sampler.State is { Phase: ModelPhase.Down, Reason: var reason })
        {
            troubles.Add(new(TroubleKind.Sampler, reason));
        }

        var free = FreeBytes();
        if (free < LeastFreeBytes)
        {
            troubles.Add(new(TroubleKind.Disk));
        }

        if (stock is { Phase: ProducerPhase.Failing or ProducerPhase.NothingToSample })
        {
            troubles.Add(new(TroubleKind.Stock, stock.Reason));
        }

        // A failure stands until another round of the study has ended.
        var lastEnded = await db.Rounds.Where(r => r.StudyId == studyId && (r.State == RoundState.Succeeded || r.State == RoundState.Failed || r.State == RoundState.Cancelled))
            .OrderByDescending(r => r.EndedAt).Select(r => new { r.Number, r.State, r.FailureReason }).FirstOrDefaultAsync(cancellation);
        if (lastEnded is { State: RoundState.Failed })
        {
            troubles.Add(new(TroubleKind.FailedRound, lastEnded.FailureReason, lastEnded.Number));
        }

        troubles.AddRange(await db.Rounds.Where(r => r.StudyId == studyId && r.State == RoundState.Interrupted).OrderBy(r => r.Id)
            .Select(r => new Trouble(TroubleKind.InterruptedRound, r.FailureReason, r.Number)).ToListAsync(cancellation));
        return new(sampler.State, free, troubles);
    }

    private long? FreeBytes()
    {
        try
        {
            return new DriveInfo(folder.Root).AvailableFreeSpace;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return null; // A file system that does not say.
        }
    }
}

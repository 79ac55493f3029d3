using System.Globalization;
using Annotator.Model.Evaluation;
using Annotator.Web.Data;
using Annotator.Web.Languages;
using Annotator.Web.Policies;
using Annotator.Web.Sampling;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Localization;

namespace Annotator.Web.Evaluations;

/// <summary>A policy's rating among all that were compared.</summary>
/// <param name="Rating">Its strength; mean zero over the rated ones.</param>
public sealed record PolicyRating(int Number, Rating Rating);

/// <summary>A round's policy: what it gained and what it cost.</summary>
/// <param name="Kl">Its <c>objective/kl</c>, in nats.</param>
/// <param name="Rating">Null without an estimate.</param>
public sealed record RewardKlPoint(int Round, int Policy, double Kl, Rating? Rating);

/// <summary>What a study's blind comparisons say.</summary>
public sealed record EvaluationReport
{
    public required StudyEvaluation Options { get; init; }

    /// <summary>From policy 0 on.</summary>
    public required IReadOnlyList<Policy> Line { get; init; }

    public required Policy? Serving { get; init; }

    /// <summary>What is compared now; null if there are no two policies for it.</summary>
    public required EvaluatedPair? Pair { get; init; }

    public required int HeldoutPrompts { get; init; }

    /// <summary>Why no comparison between the two can be sampled; null if nothing is amiss.</summary>
    public required string? Fault { get; init; }

    /// <summary>Each two policies that were compared, the newest first; the newer one is the first of the two.</summary>
    public required IReadOnlyList<PairResult> Pairs { get; init; }

    /// <summary>How many people are left out of training, and so of all that is counted here.</summary>
    public required int LeftOut { get; init; }

    /// <summary>Best first; empty where there is no estimate.</summary>
    public required IReadOnlyList<PolicyRating> Ratings { get; init; }

    /// <summary>Why there are no ratings, in a sentence; null if there are, or if nothing was compared.</summary>
    public required string? NoRatings { get; init; }

    /// <summary>In the order of the rounds; only of rounds that measured it.</summary>
    public required IReadOnlyList<RewardKlPoint> Points { get; init; }

    /// <summary>Of the policy that waits; null if none does.</summary>
    public required GateVerdict? Gate { get; init; }

    /// <summary>What was said of two policies, seen from the first of them; null if nothing was.</summary>
    public PairResult? PairOf(EvaluatedPair pair)
    {
        ArgumentNullException.ThrowIfNull(pair);
        return Pairs.FirstOrDefault(result => result.New == pair.New.Number && result.Old == pair.Old.Number)
            ?? Pairs.FirstOrDefault(result => result.New == pair.Old.Number && result.Old == pair.New.Number)?.Swapped;
    }
}

/// <summary>Reads evaluations for pages and API.</summary>
public sealed class EvaluationReader(IDbContextFactory<AnnotatorDbContext> contexts, SampleProducer producer, EvaluationTally tally, RoundKl kl, IStringLocalizer<Words> words)
{
    /// <summary>Everything of one study.</summary>
    /// <exception cref="NotAllowedException">Neither a viewer nor an admin.</exception>
    /// <exception cref="RefusedException">There is no such study.</exception>
    public async Task<EvaluationReport> ReadAsync(CurrentPerson who, long studyId, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(who);
        who.RequireViewer();
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        var study = await db.Studies.AsNoTracking().SingleOrDefaultAsync(s => s.Id == studyId, cancellation) ?? throw new RefusedException(words["This study no longer exists: reload the page."]);
        var line = await db.Policies.AsNoTracking().Where(p => p.StudyId == studyId).OrderBy(p => p.Number).ToListAsync(cancellation);
        var numbers = line.ToDictionary(p => p.Id, p => p.Number);
        var judged = (await tally.OfStudyAsync(studyId, cancellation)).Where(row => numbers.ContainsKey(row.FirstId) && numbers.ContainsKey(row.SecondId)).ToList();
        List<PairResult> pairs =
        [
            .. judged.GroupBy(row => numbers[row.FirstId] > numbers[row.SecondId] ? (New: row.FirstId, Old: row.SecondId) : (New: row.SecondId, Old: row.FirstId))
                .Select(group => PairResult.Of(numbers[group.Key.New], numbers[group.Key.Old], group.Key.New, [.. group]))
                .OrderByDescending(pair => pair.New).ThenByDescending(pair => pair.Old),
        ];
        var (ratings, noRatings) = Rate(pairs);
        return new()
        {
            Options = study.Evaluation,
            Line = line,
            Serving = line.Find(p => p.Id == study.CurrentPolicyId),
            Pair = EvaluatedPair.Of(study.Evaluation, line, study.CurrentPolicyId),
            HeldoutPrompts = await db.Prompts.CountAsync(p => p.StudyId == studyId && p.Split == PromptSplit.Heldout && !p.IsPaused, cancellation),
            Fault = study.Evaluation.Share > 0 ? producer.EvaluationFaultOf(studyId) : null,
            Pairs = pairs,
            LeftOut = await db.LeftOutAnnotators.CountAsync(l => l.StudyId == studyId, cancellation),
            Ratings = ratings,
            NoRatings = noRatings is null ? null : words.Of(noRatings),
            Points = await PointsAsync(db, studyId, ratings, cancellation),
            Gate = await GateAsync(db, tally, kl, study, line, cancellation),
        };
    }

    /// <summary>
    /// Strengths of all policies that were compared, a tie as half a win to each; or why there is no estimate. Pure.
    /// </summary>
    public static (IReadOnlyList<PolicyRating> Ratings, NoRatings? NoRatings) Rate(IReadOnlyList<PairResult> pairs)
    {
        ArgumentNullException.ThrowIfNull(pairs);
        var told = pairs.Where(pair => pair.Judgments > 0).ToList();
        if (told.Sum(pair => pair.Judgments) < PairResult.Fewest)
        {
            return ([], null);
        }

        List<int> players = [.. told.SelectMany(pair => new[] { pair.New, pair.Old }).Distinct().Order()];
        var wins = players.Select(_ => new double[players.Count]).ToArray();
        foreach (var pair in told)
        {
            var (one, other) = (players.IndexOf(pair.New), players.IndexOf(pair.Old));
            wins[one][other] += pair.Wins + (pair.Ties / 2.0);
            wins[other][one] += pair.Losses + (pair.Ties / 2.0);
        }

        var fit = BradleyTerry.Fit([.. players.Select(number => number.ToString(CultureInfo.InvariantCulture))], wins);
        return ([.. fit.Ratings.Zip(players, (rating, number) => new PolicyRating(number, rating)).OrderByDescending(r => r.Rating.LogStrength)], fit.NoEstimate);
    }

    /// <summary>What the gate says of the policy that waits for it; null if none does.</summary>
    internal static async Task<GateVerdict?> GateAsync(AnnotatorDbContext db, EvaluationTally tally, RoundKl kl, Study study, IReadOnlyList<Policy> line, CancellationToken cancellation)
    {
        if (!study.Evaluation.HasGate || line.FirstOrDefault(p => p.AwaitsGate) is not { } waiting || line.FirstOrDefault(p => p.Id == study.CurrentPolicyId) is not { } serving)
        {
            return null;
        }

        var round = await db.Rounds.AsNoTracking().SingleOrDefaultAsync(r => r.Id == waiting.RoundId, cancellation);
        return GateVerdict.Of(study.Evaluation, await tally.OfPairAsync(waiting, serving, cancellation), round is null ? null : kl.Of(round));
    }

    private async Task<IReadOnlyList<RewardKlPoint>> PointsAsync(AnnotatorDbContext db, long studyId, IReadOnlyList<PolicyRating> ratings, CancellationToken cancellation)
    {
        var rounds = await db.Rounds.AsNoTracking().Include(r => r.ResultPolicy)
            .Where(r => r.StudyId == studyId && r.State == RoundState.Succeeded && r.ResultPolicy != null).OrderBy(r => r.Number).ToListAsync(cancellation);
        return
        [
            .. rounds.Select(round => (Round: round, Kl: kl.Of(round))).Where(one => one.Kl is not null)
                .Select(one => new RewardKlPoint(
                    one.Round.Number, one.Round.ResultPolicy!.Number, one.Kl!.Value, ratings.FirstOrDefault(r => r.Number == one.Round.ResultPolicy!.Number)?.Rating)),
        ];
    }
}

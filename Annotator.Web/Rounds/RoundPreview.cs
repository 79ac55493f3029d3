using Annotator.Model.Evaluation;
using Annotator.Model.Preferences;
using Annotator.Web.Data;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Web.Rounds;

/// <summary>What a round started now would train on, and for how long.</summary>
public sealed record RoundPreview
{
    public required SelectionCounts Counts { get; init; }

    /// <summary>Preferences by the number of the policy whose arrival asked for them, in its order.</summary>
    public required IReadOnlyList<(int Policy, int Preferences)> ByPolicy { get; init; }

    /// <summary>Preferences by annotator, the busiest first; their pseudonym where they have no account.</summary>
    public required IReadOnlyList<(string Annotator, int Preferences)> ByAnnotator { get; init; }

    /// <summary>Krippendorff's α (nominal) over the comparisons that two or more judged, of the preferences alone; null where it can't be told.</summary>
    public required double? Agreement { get; init; }

    /// <summary>So many comparisons say so.</summary>
    public required int JudgedTwice { get; init; }

    /// <summary>Seconds that a preference cost in each pass of the last rounds, from start to end; null before the first.</summary>
    public required double? SecondsAPass { get; init; }

    /// <summary>How long a round with these options is likely to take; null before the first round.</summary>
    public TimeSpan? Estimate(RoundOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return SecondsAPass is { } seconds && Counts.Train > 0 ? TimeSpan.FromSeconds(seconds * Counts.Preferences * Passes(options, Counts.Train)) : null;
    }

    internal static double Passes(RoundOptions options, int comparisons) =>
        options.MaxSteps > 0 ? (double)options.MaxSteps * options.BatchSize / Math.Max(1, comparisons) : options.NumTrainEpochs;
}

/// <summary>Reads the preview: one walk over the study's current judgments.</summary>
public sealed class RoundPreviewReader(IDbContextFactory<AnnotatorDbContext> contexts, RoundSnapshot snapshot)
{
    private const int RoundsToLearnFrom = 3;

    /// <exception cref="NotAllowedException">Not an admin.</exception>
    public async Task<RoundPreview> ReadAsync(CurrentPerson who, long studyId, RoundData data, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(who);
        who.RequireAdmin();
        var (byPolicy, byAnnotator, answers) = (new Dictionary<long, int>(), new Dictionary<string, int>(), new Dictionary<long, List<string>>());
        var counts = await snapshot.CountAsync(studyId, data, (judged, why) =>
        {
            if (why is not null)
            {
                return;
            }

            byPolicy[judged.PolicyId] = byPolicy.GetValueOrDefault(judged.PolicyId) + 1;
            byAnnotator[judged.AnnotatorId!] = byAnnotator.GetValueOrDefault(judged.AnnotatorId!) + 1;
            if (judged.JudgmentsOfComparison >= 2)
            {
                (answers.TryGetValue(judged.ComparisonId, out var given) ? given : answers[judged.ComparisonId] = []).Add(
                    string.Join('|', judged.Ranking!.Select(tier => string.Join(',', tier.Order()))));
            }
        }, cancellation);

        await using var db = await contexts.CreateDbContextAsync(cancellation);
        var numbers = await db.Policies.Where(p => p.StudyId == studyId).ToDictionaryAsync(p => p.Id, p => p.Number, cancellation);
        var ids = byAnnotator.Keys.ToList();
        var names = await db.Users.Where(p => ids.Contains(p.Id)).ToDictionaryAsync(p => p.Id, p => p is { IsImported: false, DeletedAt: null } ? p.UserName! : p.Pseudonym, cancellation);
        var twice = answers.Values.Where(given => given.Count >= 2).ToList();
        return new()
        {
            Counts = counts,
            ByPolicy = [.. byPolicy.Select(entry => (numbers.GetValueOrDefault(entry.Key), entry.Value)).OrderBy(entry => entry.Item1)],
            ByAnnotator = [.. byAnnotator.Select(entry => (names.GetValueOrDefault(entry.Key, entry.Key), entry.Value)).OrderByDescending(entry => entry.Value)],
            Agreement = Agreement.KrippendorffNominal(twice).Alpha,
            JudgedTwice = twice.Count,
            SecondsAPass = await SecondsAPassAsync(db, studyId, cancellation),
        };
    }

    private static async Task<double?> SecondsAPassAsync(AnnotatorDbContext db, long studyId, CancellationToken cancellation)
    {
        var last = await db.Rounds.AsNoTracking()
            .Where(r => r.StudyId == studyId && r.State == RoundState.Succeeded && r.StartedAt != null && r.EndedAt != null && r.PreferenceCount > 0)
            .OrderByDescending(r => r.Number).Take(RoundsToLearnFrom).ToListAsync(cancellation);
        return last.Count == 0 ? null : last.Average(round =>
            (round.EndedAt!.Value - round.StartedAt!.Value).TotalSeconds / (round.PreferenceCount!.Value * Math.Max(0.1, RoundPreview.Passes(RoundOptionsText.Parse(round.Options), round.PreferenceCount.Value))));
    }
}

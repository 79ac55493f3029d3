using System.Security.Claims;
using Annotator.Model.Evaluation;
using Annotator.Web.Data;
using Annotator.Web.Evaluations;
using Annotator.Web.Studies;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Annotator.Web.Api.Endpoints;

/// <summary>Whether a study's policies get better.</summary>
/// <param name="Options">What is compared, and the gate; <c>PATCH</c> changes them.</param>
/// <param name="Compared">The two that are compared now; null if there are no two for it.</param>
/// <param name="Pairs">Each two policies that were compared, the newest first.</param>
/// <param name="Ratings">Bradley–Terry, best first; empty where there is no estimate.</param>
/// <param name="NoRatings">Why there are none, in a sentence.</param>
/// <param name="Points">What each round's policy gained and what it cost; only of rounds that measured it.</param>
/// <param name="Fault">Why nothing can be compared; null if nothing is amiss.</param>
/// <param name="Gate">What the gate says of the policy that waits; null if none does.</param>
public sealed record EvaluationItem(
    StudyEvaluation Options, int? Serving, ComparedPolicies? Compared, int HeldoutPrompts, IReadOnlyList<PairItem> Pairs, IReadOnlyList<RatingItem> Ratings, string? NoRatings,
    IReadOnlyList<PointItem> Points, string? Fault, GateItem? Gate);

/// <summary>Two policies, by number.</summary>
public sealed record ComparedPolicies(int New, int Old);

/// <summary>What blind judgments say of two policies, seen from the new one. A tie counts half.</summary>
/// <param name="WinRate">0 to 1, with Wilson's 95% interval; null while there are too few.</param>
/// <param name="LengthControlled">The win rate at equal lengths.</param>
public sealed record PairItem(
    int New, int Old, int Wins, int Losses, int Ties, int BothBad, double? WinRate, ConfidenceInterval? Interval, double? LengthControlled, ConfidenceInterval? LengthControlledInterval)
{
    internal static PairItem Of(PairResult p) =>
        new(p.New, p.Old, p.Wins, p.Losses, p.Ties, p.BothBad, p.WinRate, p.Interval, p.LengthControlled.Rate, p.LengthControlled.Interval);
}

/// <summary>A policy's strength, in nats, and on Elo's scale.</summary>
public sealed record RatingItem(int Policy, double LogStrength, double StandardError, double Elo)
{
    internal static RatingItem Of(PolicyRating r) => new(r.Number, r.Rating.LogStrength, r.Rating.StandardError, r.Rating.Elo);
}

/// <summary>A round's policy.</summary>
/// <param name="Kl">Its <c>objective/kl</c>, in nats.</param>
/// <param name="LogStrength">Null without an estimate.</param>
public sealed record PointItem(int Round, int Policy, double Kl, double? LogStrength);

/// <summary>What the gate says of the policy that waits.</summary>
/// <param name="Result">Of that policy over the serving one.</param>
/// <param name="Kl">Its <c>objective/kl</c>, in nats; null if it was not measured.</param>
public sealed record GateItem(GateState State, PairItem Result, double? Kl);

internal static class EvaluationEndpoints
{
    public static void MapEvaluation(this IEndpointRouteBuilder api)
    {
        var evaluation = api.MapGroup("/studies/{study:long}/evaluation").WithTags("Evaluation");
        evaluation.MapGet("", GetAsync).Needs(ApiScopes.Read).WithSummary("Win rates, ratings and the gate");
        evaluation.MapPatch("", ChangeAsync).Needs(ApiScopes.Write).WithSummary("Change what is compared, and the gate: a JSON merge patch of the options");
    }

    private static async Task<Ok<EvaluationItem>> GetAsync(ClaimsPrincipal user, long study, StudyOperations studies, EvaluationReader reader, CancellationToken cancellation)
    {
        await studies.RequireAsync(user, study, cancellation);
        return TypedResults.Ok(Of(await reader.ReadAsync(CurrentPerson.From(user), study, cancellation)));
    }

    private static async Task<Ok<EvaluationItem>> ChangeAsync(
        ClaimsPrincipal user, long study, Patch<StudyEvaluation> changes, StudyOperations studies, EvaluationReader reader, EvaluationOperations operations, CancellationToken cancellation)
    {
        await studies.RequireAsync(user, study, cancellation);
        var who = CurrentPerson.From(user);
        await operations.SetAsync(who, study, changes.Apply((await reader.ReadAsync(who, study, cancellation)).Options), cancellation);
        return TypedResults.Ok(Of(await reader.ReadAsync(who, study, cancellation)));
    }

    private static EvaluationItem Of(EvaluationReport report) => new(
        report.Options, report.Serving?.Number, report.Pair is { } pair ? new(pair.New.Number, pair.Old.Number) : null, report.HeldoutPrompts,
        [.. report.Pairs.Select(PairItem.Of)], [.. report.Ratings.Select(RatingItem.Of)], report.NoRatings,
        [.. report.Points.Select(p => new PointItem(p.Round, p.Policy, p.Kl, p.Rating?.LogStrength))], report.Fault,
        report.Gate is { } gate ? new(gate.State, PairItem.Of(gate.Result), gate.Kl) : null);
}

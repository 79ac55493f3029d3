using System.Security.Claims;
using System.Security.Cryptography;
using System.Text;
using Annotator.Model.Preferences;
using Annotator.Web.Annotating;
using Annotator.Web.Api.Keys;
using Annotator.Web.Data;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Web.Api.Endpoints;

/// <summary>A comparison to judge: blind, like at the desk. It is the program's for ten minutes.</summary>
/// <param name="Responses">Their texts in the order in which they are shown to this annotator; an answer speaks of places in it, from 0.</param>
/// <param name="GuidelinesVersion">What is judged by; send it with the answer.</param>
public sealed record ComparisonToJudge(long Comparison, string Prompt, IReadOnlyList<ChatMessage>? Messages, IReadOnlyList<string> Responses, int GuidelinesVersion);

/// <summary>An answer to a comparison: exactly one of a ranking, <paramref name="BothBad"/>, <paramref name="NotRankable"/> and <paramref name="Skip"/>.</summary>
/// <param name="Ranking">Tiers of places in <c>responses</c>, best first: <c>[[1],[0]]</c>; a tie is one tier of several.</param>
/// <param name="BothBad">Neither of two is acceptable.</param>
/// <param name="NotRankable">Three or more can't be put in an order.</param>
/// <param name="Strength">1 slightly, 2 better, 3 much better; where the study asks for it.</param>
/// <param name="Seconds">How long it took; null = since the comparison was handed out.</param>
public sealed record NewJudgment(
    long Comparison, IReadOnlyList<IReadOnlyList<int>>? Ranking = null, bool BothBad = false, bool NotRankable = false, SkipReason? Skip = null, int? Strength = null, string? Comment = null,
    IReadOnlyList<string>? Reasons = null, double? Seconds = null, int? GuidelinesVersion = null);

/// <summary>What became of an answer.</summary>
/// <param name="Next">Leased: the next one to judge; null if there is none.</param>
public sealed record JudgedAnswer(JudgeOutcome Outcome, int Today, int All, ComparisonToJudge? Next);

internal static class JudgingEndpoints
{
    public static void MapJudging(this IEndpointRouteBuilder api)
    {
        var study = api.MapGroup("/studies/{study:long}").WithTags("Judging");
        study.MapPost("/next", NextAsync).Needs(ApiScopes.Judge).WithSummary("Lease the next comparison for ten minutes; asked again before an answer, the same one. 204 if there is none");
        study.MapPost("/judgments", JudgeAsync).Needs(ApiScopes.Judge).WithSummary("Judge a comparison. With an Idempotency-Key, sending it twice judges once");
        study.MapPost("/judgments/undo", UndoAsync).Needs(ApiScopes.Judge).WithSummary("Take the last judgment back: its comparison is leased again. 204 if there is none. With an Idempotency-Key, sending it twice takes one back");
    }

    private static async Task<Results<Ok<ComparisonToJudge>, NoContent>> NextAsync(ClaimsPrincipal user, long study, Desk desk, CancellationToken cancellation)
    {
        var (about, seat) = await SeatAsync(user, study, desk, cancellation);
        return await desk.NextAsync(seat, [], cancellation) is { } shown ? TypedResults.Ok(Of(shown, about)) : TypedResults.NoContent();
    }

    private static async Task<Ok<JudgedAnswer>> JudgeAsync(
        HttpContext http, long study, Body<NewJudgment> body, Desk desk, SideOrder sideOrder, IDbContextFactory<AnnotatorDbContext> contexts, TimeProvider clock, CancellationToken cancellation)
    {
        var (about, seat) = await SeatAsync(http.User, study, desk, cancellation);
        var given = body.Value;
        int count;
        Lease? lease;
        await using (var db = await contexts.CreateDbContextAsync(cancellation))
        {
            count = await db.ComparisonResponses.CountAsync(r => r.ComparisonId == given.Comparison && db.Comparisons.Any(c => c.Id == r.ComparisonId && c.StudyId == study), cancellation);
            lease = await db.Leases.AsNoTracking().SingleOrDefaultAsync(l => l.ComparisonId == given.Comparison && l.AnnotatorId == seat.Person.Id, cancellation);
        }

        if (count == 0)
        {
            throw ProblemException.NotFound($"There is no comparison {given.Comparison} in study {study}.");
        }

        // The order is the app's own: a program's answer speaks of what it was shown.
        var sides = sideOrder.Of(given.Comparison, seat.Person.Id, count, lease?.IsRepeat ?? false);
        var waited = lease is null ? 0 : (clock.GetUtcNow().UtcDateTime - (lease.ExpiresAt - Desk.Lease)).TotalSeconds;
        try
        {
            var result = await desk.JudgeAsync(seat, new()
            {
                Comparison = new(given.Comparison, "", sides, []),
                Answer = AnswerOf(given, count),
                Tiers = count > 2 && given.Ranking is { } tiers ? [.. tiers.Select(tier => (IReadOnlyList<int>)[.. tier.Select(place => sides[Place(place, count)])])] : null,
                Strength = given.Strength,
                SkipReason = given.Skip,
                Comment = given.Comment,
                Reasons = given.Reasons ?? [],
                Seconds = given.Seconds ?? Math.Max(0, waited),
                GuidelinesVersion = given.GuidelinesVersion ?? about.GuidelinesVersion,
                RequestId = RequestId(http),
            }, cancellation);
            return TypedResults.Ok(new JudgedAnswer(result.Outcome, result.Counts.Today, result.Counts.All, result.Next is { } next ? Of(next, about) : null));
        }
        catch (ArgumentException e)
        {
            throw ProblemException.BadRequest(e.Message, e);
        }
    }

    private static async Task<Results<Ok<ComparisonToJudge>, NoContent>> UndoAsync(HttpContext http, long study, Desk desk, CancellationToken cancellation)
    {
        var (about, seat) = await SeatAsync(http.User, study, desk, cancellation);
        return await desk.UndoAsync(seat, RequestId(http), cancellation) is { } undone ? TypedResults.Ok(Of(undone.Comparison, about)) : TypedResults.NoContent();
    }

    private static async Task<(DeskStudy Study, Seat Seat)> SeatAsync(ClaimsPrincipal user, long study, Desk desk, CancellationToken cancellation) =>
        (await desk.StudyAsync(CurrentPerson.From(user), study, cancellation) ?? throw ProblemException.NotFound($"There is no study {study} that is annotated."), new(CurrentPerson.From(user), study));

    private static ComparisonToJudge Of(ShownComparison shown, DeskStudy study) => new(shown.Id, shown.Prompt, shown.Messages, shown.Texts, study.GuidelinesVersion);

    private static Answer AnswerOf(NewJudgment given, int count)
    {
        var said = new[] { given.Ranking is not null, given.BothBad, given.NotRankable, given.Skip is not null }.Count(one => one);
        if (said != 1)
        {
            throw ProblemException.BadRequest("An answer is exactly one of ranking, both_bad, not_rankable and skip.");
        }

        return given switch
        {
            { Skip: not null } => Answer.Skip,
            { BothBad: true } => Answer.BothBad,
            { NotRankable: true } => Answer.NotRankable,
            _ when count > 2 => Answer.Ranked,
            { Ranking: [[0], [1]] } => Answer.Left,
            { Ranking: [[1], [0]] } => Answer.Right,
            { Ranking: [[0, 1]] or [[1, 0]] } => Answer.Tie,
            _ => throw ProblemException.BadRequest("Of two responses a ranking is [[0],[1]], [[1],[0]] or [[0,1]]."),
        };
    }

    private static int Place(int place, int count) =>
        place >= 0 && place < count ? place : throw ProblemException.BadRequest($"A ranking speaks of places from 0 to {count - 1}; there is none {place}.");

    /// <summary>The same for the same key, path and <c>Idempotency-Key</c>: the desk finds the judgment that the first request made.</summary>
    private static Guid RequestId(HttpContext http) =>
        http.Request.Headers[IdempotentCreations.Header].ToString() is { Length: > 0 } key
            ? new Guid(SHA256.HashData(Encoding.UTF8.GetBytes($"{http.Features.Get<UsedKey>()?.Id} {http.Request.Path} {key}")).AsSpan(0, 16))
            : Guid.NewGuid();
}

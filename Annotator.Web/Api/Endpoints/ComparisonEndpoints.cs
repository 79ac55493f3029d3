using System.Security.Claims;
using Annotator.Model.Preferences;
using Annotator.Web.Data;
using Annotator.Web.Studies;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Web.Api.Endpoints;

/// <summary>A comparison in a list.</summary>
/// <param name="Policy">The number of the policy whose arrival asked for it.</param>
/// <param name="OpenPlaces">How many more annotators may take it.</param>
public sealed record ComparisonItem(long Id, ComparisonPurpose Purpose, long Prompt, int Policy, int JudgmentCount, int OpenPlaces, DateTime? RetiredAt, DateTime CreatedAt);

/// <summary>A comparison with all that belongs to it.</summary>
public sealed record ComparisonDetails(
    long Id, long Study, ComparisonPurpose Purpose, PromptItem Prompt, int Policy, IReadOnlyList<ComparedResponse> Responses, int[][]? GoldRanking, IReadOnlyList<JudgmentItem> Judgments,
    DateTime? RetiredAt, DateTime CreatedAt);

/// <summary>A response in its place.</summary>
/// <param name="Policy">
/// The number of the policy that wrote it; null for a text that a person wrote or a file brought, and until somebody has judged the comparison: whoever reads this may judge it yet.
/// </param>
public sealed record ComparedResponse(int Position, long Id, string Text, int? Policy, string? PolicyHash, string FinishReason, double? LogProbability);

/// <summary>A judgment; superseded ones and withdrawals are judgments, too.</summary>
/// <param name="Annotator">The pseudonym.</param>
/// <param name="Ranking">Tiers of response positions, best first; null unless the verdict is <c>ranked</c>.</param>
public sealed record JudgmentItem(
    long Id, long Comparison, string Annotator, DateTime CreatedAt, JudgmentOrigin Origin, Verdict Verdict, int[][]? Ranking, int? Strength, SkipReason? SkipReason, string? Comment,
    IReadOnlyList<string> Reasons, double Seconds, int GuidelinesVersion, long? Supersedes, bool IsSuperseded);

internal static class ComparisonEndpoints
{
    public static void MapComparisons(this IEndpointRouteBuilder api)
    {
        var study = api.MapGroup("/studies/{study:long}").WithTags("Comparisons and judgments");
        study.MapGet("/comparisons", ListAsync).Needs(ApiScopes.Read).WithSummary("The study's comparisons, the oldest first");
        study.MapGet("/comparisons/{comparison:long}", GetAsync).Needs(ApiScopes.Read).WithSummary("One comparison with its responses and judgments");
        study.MapGet("/judgments", JudgmentsAsync).Needs(ApiScopes.Read).WithSummary("The study's judgments, the oldest first");
        study.MapGet("/judgments/{judgment:long}", JudgmentAsync).Needs(ApiScopes.Read).WithSummary("One judgment");
    }

    private static async Task<Ok<Page<ComparisonItem>>> ListAsync(
        ClaimsPrincipal user, long study, [AsParameters] PageOf page, Choice<ComparisonPurpose>? purpose, StudyOperations studies, IDbContextFactory<AnnotatorDbContext> contexts, CancellationToken cancellation)
    {
        await studies.RequireAsync(user, study, cancellation);
        var (after, only) = (page.After() ?? 0, purpose?.Value);
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        var rows = await db.Comparisons.Where(c => c.StudyId == study && c.Id > after && (only == null || c.Purpose == only)).OrderBy(c => c.Id).Take(page.Size() + 1)
            .Select(c => new ComparisonItem(c.Id, c.Purpose, c.PromptId, c.Policy!.Number, c.JudgmentCount, c.OpenPlaces, c.RetiredAt, c.CreatedAt)).ToListAsync(cancellation);
        return TypedResults.Ok(page.Of(rows, row => row.Id));
    }

    private static async Task<Ok<ComparisonDetails>> GetAsync(
        ClaimsPrincipal user, long study, long comparison, StudyOperations studies, IDbContextFactory<AnnotatorDbContext> contexts, CancellationToken cancellation)
    {
        await studies.RequireAsync(user, study, cancellation);
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        var found = await db.Comparisons.AsNoTracking().AsSplitQuery()
            .Include(c => c.Prompt).Include(c => c.Policy).Include(c => c.Responses.OrderBy(r => r.Position)).ThenInclude(r => r.Response!.Policy)
            .SingleOrDefaultAsync(c => c.Id == comparison && c.StudyId == study, cancellation)
            ?? throw ProblemException.NotFound($"There is no comparison {comparison} in study {study}.");
        var judgments = await Items(db.Judgments.Where(j => j.ComparisonId == comparison && j.StudyId == study).OrderBy(j => j.Id)).ToListAsync(cancellation);
        var (prompt, told) = (found.Prompt!, judgments.Count > 0);
        return TypedResults.Ok(new ComparisonDetails(
            found.Id, study, found.Purpose, new(prompt.Id, prompt.Text, prompt.Messages, prompt.Split, prompt.Priority, prompt.IsPaused, prompt.CreatedAt), found.Policy!.Number,
            [.. found.Responses.Select(r => new ComparedResponse(
                r.Position, r.ResponseId, r.Response!.Text, told ? r.Response.Policy?.Number : null, told ? r.Response.Policy?.Hash ?? r.Response.SourcePolicy : null,
                r.Response.FinishReason, told ? r.Response.LogProbability : null))],
            found.GoldRanking, judgments, found.RetiredAt, found.CreatedAt));
    }

    private static async Task<Ok<Page<JudgmentItem>>> JudgmentsAsync(
        ClaimsPrincipal user, long study, [AsParameters] PageOf page, StudyOperations studies, IDbContextFactory<AnnotatorDbContext> contexts, CancellationToken cancellation)
    {
        await studies.RequireAsync(user, study, cancellation);
        var after = page.After() ?? 0;
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        var rows = await Items(db.Judgments.Where(j => j.StudyId == study && j.Id > after).OrderBy(j => j.Id).Take(page.Size() + 1)).ToListAsync(cancellation);
        return TypedResults.Ok(page.Of(rows, row => row.Id));
    }

    private static async Task<Ok<JudgmentItem>> JudgmentAsync(
        ClaimsPrincipal user, long study, long judgment, StudyOperations studies, IDbContextFactory<AnnotatorDbContext> contexts, CancellationToken cancellation)
    {
        await studies.RequireAsync(user, study, cancellation);
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        return TypedResults.Ok(await Items(db.Judgments.Where(j => j.Id == judgment && j.StudyId == study)).SingleOrDefaultAsync(cancellation)
            ?? throw ProblemException.NotFound($"There is no judgment {judgment} in study {study}."));
    }

    private static IQueryable<JudgmentItem> Items(IQueryable<Judgment> judgments) => judgments.Select(j => new JudgmentItem(
        j.Id, j.ComparisonId, j.Annotator!.Pseudonym, j.CreatedAt, j.Origin, j.Verdict, j.Ranking, j.Strength, j.SkipReason, j.Comment,
        j.Reasons, j.Seconds, j.GuidelinesVersion, j.SupersedesId, j.IsSuperseded));
}

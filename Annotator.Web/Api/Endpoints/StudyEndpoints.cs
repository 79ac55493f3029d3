using System.Security.Claims;
using Annotator.Web.Data;
using Annotator.Web.Dataset;
using Annotator.Web.Overview;
using Annotator.Web.Rounds;
using Annotator.Web.Studies;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Web.Api.Endpoints;

/// <summary>A study in a list.</summary>
public sealed record StudySummary(
    long Id, string Name, TaskKind Kind, int ResponsesPerComparison, bool IsArchived, int JudgmentCount, int? AutomaticRoundEvery, DateTime CreatedAt);

/// <summary>A study with its settings, which <c>PATCH</c> changes.</summary>
public sealed record StudyDetails(long Id, StudySettings Settings, int GuidelinesVersion, int TrainPrompts, int HeldoutPrompts);

/// <summary>The rule by which rounds start.</summary>
/// <param name="AutomaticRoundEvery">After so many new preferences; null = by hand only.</param>
/// <param name="AutomaticRoundsADay">At most so many by the rule within 24 hours; null = as many as it makes.</param>
public sealed record RoundRule(int? AutomaticRoundEvery, int? AutomaticRoundsADay = null);

internal static class StudyEndpoints
{
    public static void MapStudies(this IEndpointRouteBuilder api)
    {
        var studies = api.MapGroup("/studies").WithTags("Studies");
        studies.MapGet("", ListAsync).Needs(ApiScopes.Read).WithSummary("All studies");
        studies.MapGet("/{study:long}", GetAsync).Needs(ApiScopes.Read).WithSummary("One study with its settings");
        studies.MapPatch("/{study:long}", ChangeAsync).Needs(ApiScopes.Write).WithSummary("Change settings: a JSON merge patch of the settings");
        studies.MapPut("/{study:long}/rule", RuleAsync).Needs(ApiScopes.Write).WithSummary("Set or lift the rule by which rounds start");
        studies.MapGet("/{study:long}/overview", OverviewAsync).Needs(ApiScopes.Read).WithSummary("How the study stands: are people judging, is the stock full, did the last round help, is anything broken");
        studies.MapGet("/{study:long}/counts", CountAsync).Needs(ApiScopes.Read).WithSummary("What the study's judgments come to");
    }

    private static async Task<Ok<Page<StudySummary>>> ListAsync(ClaimsPrincipal user, [AsParameters] PageOf page, IDbContextFactory<AnnotatorDbContext> contexts, CancellationToken cancellation)
    {
        CurrentPerson.From(user).RequireViewer();
        var after = page.After() ?? 0;
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        var rows = await db.Studies.Where(s => s.Id > after).OrderBy(s => s.Id).Take(page.Size() + 1)
            .Select(s => new StudySummary(s.Id, s.Name, s.Task.Kind, s.Task.ResponsesPerComparison, s.IsArchived, s.JudgmentCount, s.AutomaticRoundEvery, s.CreatedAt)).ToListAsync(cancellation);
        return TypedResults.Ok(page.Of(rows, row => row.Id));
    }

    private static async Task<Ok<StudyDetails>> GetAsync(ClaimsPrincipal user, long study, StudyOperations studies, CancellationToken cancellation) =>
        TypedResults.Ok(Of(await FindAsync(user, study, studies, cancellation)));

    private static async Task<Ok<StudyDetails>> ChangeAsync(
        ClaimsPrincipal user, long study, Patch<StudySettings> changes, StudyOperations studies, CancellationToken cancellation)
    {
        var view = await FindAsync(user, study, studies, cancellation);
        await studies.SaveAsync(CurrentPerson.From(user), study, changes.Apply(view.Settings), cancellation);
        return TypedResults.Ok(Of(await FindAsync(user, study, studies, cancellation)));
    }

    private static async Task<Ok<RoundRule>> RuleAsync(
        ClaimsPrincipal user, long study, Body<RoundRule> rule, StudyOperations studies, RoundOperations rounds, CancellationToken cancellation)
    {
        await studies.RequireAsync(user, study, cancellation);
        await rounds.SetRuleAsync(CurrentPerson.From(user), study, rule.Value.AutomaticRoundEvery, rule.Value.AutomaticRoundsADay, cancellation);
        return TypedResults.Ok(rule.Value);
    }

    private static async Task<Ok<StudyOverview>> OverviewAsync(ClaimsPrincipal user, long study, OverviewReader overview, CancellationToken cancellation) =>
        TypedResults.Ok(await overview.ReadAsync(CurrentPerson.From(user), study, cancellation: cancellation) ?? throw NoStudy(study));

    private static async Task<Ok<DatasetCounts>> CountAsync(ClaimsPrincipal user, long study, StudyOperations studies, DatasetExport export, CancellationToken cancellation)
    {
        await studies.RequireAsync(user, study, cancellation);
        return TypedResults.Ok(await export.CountAsync(CurrentPerson.From(user), study, cancellation));
    }

    private static StudyDetails Of(StudyView view) => new(view.Id, view.Settings, view.GuidelinesVersion, view.TrainPrompts, view.HeldoutPrompts);

    private static async Task<StudyView> FindAsync(ClaimsPrincipal user, long study, StudyOperations studies, CancellationToken cancellation) =>
        await studies.FindAsync(CurrentPerson.From(user), study, cancellation) ?? throw NoStudy(study);

    /// <summary>Makes sure that the study of a path is there.</summary>
    /// <exception cref="ProblemException">It is not.</exception>
    public static async Task RequireAsync(this StudyOperations studies, ClaimsPrincipal user, long study, CancellationToken cancellation)
    {
        if (!(await studies.NamesAsync(CurrentPerson.From(user), cancellation)).Any(s => s.Id == study))
        {
            throw NoStudy(study);
        }
    }

    private static ProblemException NoStudy(long study) => ProblemException.NotFound($"There is no study {study}.");
}

using System.Security.Claims;
using Annotator.Web.Data;
using Annotator.Web.Dataset;
using Annotator.Web.Languages;
using Annotator.Web.Overview;
using Annotator.Web.Policies;
using Annotator.Web.Rounds;
using Annotator.Web.Studies;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Localization;

namespace Annotator.Web.Api.Endpoints;

/// <summary>A study in a list.</summary>
public sealed record StudySummary(
    long Id, string Name, TaskKind Kind, int ResponsesPerComparison, bool IsArchived, int JudgmentCount, int? AutomaticRoundEvery, DateTime CreatedAt);

/// <summary>A study with its settings, which <c>PATCH</c> changes.</summary>
/// <param name="Policy">The number of the policy that serves; null while there is none.</param>
public sealed record StudyDetails(long Id, StudySettings Settings, int GuidelinesVersion, int? Policy, int TrainPrompts, int HeldoutPrompts);

/// <summary>A study to create; what is left out is as on the page for new studies.</summary>
public sealed record NewStudy
{
    public string Name { get; init; } = "";

    /// <summary>Markdown, shown beside the desk.</summary>
    public string Guidelines { get; init; } = "";

    public StudySampling Sampling { get; init; } = StudySettings.NewSampling;

    public StudyTask Task { get; init; } = new();

    /// <summary>The ids of the people who may judge; null = everybody who is an annotator.</summary>
    public IReadOnlyList<string>? Members { get; init; }

    /// <summary>The hash of a policy of the registry, with which the line begins; null = the one that the first study began with.</summary>
    public string? Policy { get; init; }

    /// <summary>In its place, the full path of a Hugging Face directory on the machine on which the app runs.</summary>
    public string? PolicyDirectory { get; init; }

    internal StudySettings Settings => new(Name, Guidelines, Sampling, Task) { Members = Members };
}

/// <summary>A copy to make of a study.</summary>
/// <param name="Name">Null = the study's, with a number.</param>
public sealed record NewClone(string? Name = null);

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
        studies.MapPost("", CreateAsync).Needs(ApiScopes.Write).WithMetadata(new Creates()).WithSummary("Create a study; its prompts come next");
        studies.MapGet("/{study:long}", GetAsync).Needs(ApiScopes.Read).WithSummary("One study with its settings");
        studies.MapPatch("/{study:long}", ChangeAsync).Needs(ApiScopes.Write).WithSummary("Change settings: a JSON merge patch of the settings");
        studies.MapPost("/{study:long}/clone", CloneAsync).Needs(ApiScopes.Write).WithMetadata(new Creates())
            .WithSummary("A new study with its settings and prompts, and the policy that it began with");
        studies.MapPost("/{study:long}/archive", ArchiveAsync).Needs(ApiScopes.Write).WithSummary("Take it from the annotators; everything in it stays");
        studies.MapPost("/{study:long}/unarchive", UnarchiveAsync).Needs(ApiScopes.Write).WithSummary("Offer it to annotators again");
        studies.MapGet("/{study:long}/rule", GetRuleAsync).Needs(ApiScopes.Read).WithSummary("The rule by which rounds start");
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

    private static async Task<Created<StudyDetails>> CreateAsync(
        ClaimsPrincipal user, Patch<NewStudy> body, StudyOperations studies, StudyCreation creation, PolicyUpload policies, IStringLocalizer<Words> words, CancellationToken cancellation)
    {
        var (who, asked) = (CurrentPerson.From(user), body.Apply(new()));
        if (asked is { Policy: not null, PolicyDirectory: not null })
        {
            throw ProblemException.BadRequest("Name a policy by its hash or by its directory, not by both.");
        }

        if (asked.Settings.Fault(words) is { } fault)
        {
            throw new RefusedException(fault);
        }

        var policy = asked.PolicyDirectory is { } directory ? await policies.TakeDirectoryAsync(who, directory, cancellation) : asked.Policy;
        return await CreatedAsync(user, await creation.CreateAsync(who, asked.Settings, policy, cancellation), studies, cancellation);
    }

    private static async Task<Created<StudyDetails>> CloneAsync(
        ClaimsPrincipal user, long study, Body<NewClone> body, StudyOperations studies, StudyCreation creation, CancellationToken cancellation)
    {
        var who = CurrentPerson.From(user);
        var names = await studies.NamesAsync(who, cancellation);
        var original = names.FirstOrDefault(s => s.Id == study) ?? throw NoStudy(study);
        var name = body.Value.Name ?? StudyCreation.NameForCopy(original.Name, names.Select(s => s.Name));
        return await CreatedAsync(user, await creation.CloneAsync(who, study, name, cancellation), studies, cancellation);
    }

    private static Task<Ok<StudyDetails>> ArchiveAsync(ClaimsPrincipal user, long study, StudyOperations studies, CancellationToken cancellation) =>
        SetArchivedAsync(user, study, true, studies, cancellation);

    private static Task<Ok<StudyDetails>> UnarchiveAsync(ClaimsPrincipal user, long study, StudyOperations studies, CancellationToken cancellation) =>
        SetArchivedAsync(user, study, false, studies, cancellation);

    private static async Task<Ok<StudyDetails>> SetArchivedAsync(ClaimsPrincipal user, long study, bool archived, StudyOperations studies, CancellationToken cancellation)
    {
        await studies.RequireAsync(user, study, cancellation);
        await studies.SetArchivedAsync(CurrentPerson.From(user), study, archived, cancellation);
        return TypedResults.Ok(Of(await FindAsync(user, study, studies, cancellation)));
    }

    private static async Task<Created<StudyDetails>> CreatedAsync(ClaimsPrincipal user, long id, StudyOperations studies, CancellationToken cancellation) =>
        TypedResults.Created($"{ApiSetup.Root}/studies/{id}", Of(await FindAsync(user, id, studies, cancellation)));

    private static async Task<Ok<RoundRule>> GetRuleAsync(ClaimsPrincipal user, long study, StudyOperations studies, RoundReader rounds, CancellationToken cancellation)
    {
        await studies.RequireAsync(user, study, cancellation);
        var about = (await rounds.OverviewAsync(CurrentPerson.From(user), study, cancellation)).Study;
        return TypedResults.Ok(new RoundRule(about.AutomaticRoundEvery, about.AutomaticRoundsADay));
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

    private static StudyDetails Of(StudyView view) => new(view.Id, view.Settings, view.GuidelinesVersion, view.PolicyNumber, view.TrainPrompts, view.HeldoutPrompts);

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

using System.ComponentModel;
using System.Security.Claims;
using Annotator.Model.Preferences;
using Annotator.Web.Data;
using Annotator.Web.Dataset.Browsing;
using Annotator.Web.Studies;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;

namespace Annotator.Web.Api.Endpoints;

/// <summary>Which judged comparisons are wanted.</summary>
public sealed record DatasetQuery
{
    [FromQuery(Name = "policy"), Description("Of this policy, by its number.")]
    public int? Policy { get; init; }

    [FromQuery(Name = "annotator"), Description("Judged by this person, by pseudonym.")]
    public string? Annotator { get; init; }

    [FromQuery(Name = "agreement"), Description("`contested`: annotators disagree; `adjudicated`: an admin has decided; `agreed`; `unknown`: fewer than two have answered.")]
    public Choice<ComparisonAgreement>? Agreement { get; init; }

    [FromQuery(Name = "text"), Description("In the prompt or a response.")]
    public string? Text { get; init; }

    [FromQuery(Name = "from"), Description("With a judgment on this day or later (UTC).")]
    public DateOnly? From { get; init; }

    [FromQuery(Name = "to"), Description("With a judgment on this day or earlier (UTC).")]
    public DateOnly? To { get; init; }

    [FromQuery(Name = "contested_first"), Description("Contested ones come first; the latest judged first within each part.")]
    public bool? ContestedFirst { get; init; }

    internal DatasetFilter Of(long study) => new()
    {
        StudyId = study, Policy = Policy, Annotator = Annotator, Agreement = Agreement?.Value, Text = Text, From = From, To = To, ContestedFirst = ContestedFirst == true,
    };
}

/// <summary>A decision on a comparison about which annotators disagree.</summary>
/// <param name="Verdict"><c>ranked</c>, or that there is nothing to learn from it: <c>both_bad</c> of two, <c>not_rankable</c> of more.</param>
/// <param name="Ranking">Tiers of all positions, best first; null unless ranked.</param>
public sealed record Decision(Verdict Verdict, Ranking? Ranking = null, string? Comment = null);

internal static class BrowsingEndpoints
{
    public static void MapBrowsing(this IEndpointRouteBuilder api)
    {
        var dataset = api.MapGroup("/studies/{study:long}/dataset").WithTags("Dataset");
        dataset.MapGet("", ListAsync).Needs(ApiScopes.Read).WithSummary("Judged comparisons, the latest judged first; ?agreement=contested lists disagreements. A page may be short while `next` is not null");
        dataset.MapGet("/{comparison:long}", GetAsync).Needs(ApiScopes.Read).WithSummary("A judged comparison with its full story: responses, every judgment, the rounds that took it");
        dataset.MapPut("/{comparison:long}/decision", DecideAsync).Needs(ApiScopes.Write).WithSummary("Decide where annotators disagree: rounds and exports take the decision in their place");
        dataset.MapDelete("/{comparison:long}/decision", WithdrawAsync).Needs(ApiScopes.Write).WithSummary("Take the decision back: the annotators' judgments count again");
    }

    private static async Task<Ok<Page<ComparisonRow>>> ListAsync(
        ClaimsPrincipal user, long study, [AsParameters] PageOf page, [AsParameters] DatasetQuery query, StudyOperations studies, DatasetBrowser browser, CancellationToken cancellation)
    {
        await studies.RequireAsync(user, study, cancellation);
        if (page.Cursor is not null && ComparisonMark.Parse(page.Cursor) is null)
        {
            throw PageOf.NoCursor();
        }

        var found = await browser.PageAsync(CurrentPerson.From(user), query.Of(study), ComparisonMark.Parse(page.Cursor), page.Size(), cancellation);
        return TypedResults.Ok(new Page<ComparisonRow>(found.Rows, found.Next?.ToString()));
    }

    private static async Task<Ok<ComparisonStory>> GetAsync(ClaimsPrincipal user, long study, long comparison, StudyOperations studies, DatasetBrowser browser, CancellationToken cancellation) =>
        TypedResults.Ok(await FindAsync(user, study, comparison, studies, browser, cancellation));

    private static async Task<Ok<ComparisonStory>> DecideAsync(
        ClaimsPrincipal user, long study, long comparison, Body<Decision> body, StudyOperations studies, DatasetBrowser browser, CancellationToken cancellation)
    {
        await FindAsync(user, study, comparison, studies, browser, cancellation);
        var decision = body.Value;
        await browser.AdjudicateAsync(CurrentPerson.From(user), comparison, decision.Verdict, decision.Ranking?.ToArrays(), decision.Comment, cancellation);
        return TypedResults.Ok(await FindAsync(user, study, comparison, studies, browser, cancellation));
    }

    private static async Task<Ok<ComparisonStory>> WithdrawAsync(
        ClaimsPrincipal user, long study, long comparison, StudyOperations studies, DatasetBrowser browser, CancellationToken cancellation)
    {
        await FindAsync(user, study, comparison, studies, browser, cancellation);
        await browser.WithdrawAdjudicationAsync(CurrentPerson.From(user), comparison, cancellation);
        return TypedResults.Ok(await FindAsync(user, study, comparison, studies, browser, cancellation));
    }

    private static async Task<ComparisonStory> FindAsync(ClaimsPrincipal user, long study, long comparison, StudyOperations studies, DatasetBrowser browser, CancellationToken cancellation)
    {
        await studies.RequireAsync(user, study, cancellation);
        return await browser.StoryAsync(CurrentPerson.From(user), comparison, cancellation) is { } story && story.StudyId == study
            ? story
            : throw ProblemException.NotFound($"There is no judged comparison {comparison} in study {study}.");
    }
}

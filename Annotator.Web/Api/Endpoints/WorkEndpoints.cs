using System.Security.Claims;
using Annotator.Web.Data;
using Annotator.Web.People.Work;
using Annotator.Web.Studies;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Web.Api.Endpoints;

/// <summary>What the judgments of a study say of those who judged.</summary>
/// <param name="At">When it was counted; large studies are counted at most a twentieth of the time.</param>
/// <param name="JudgedTwice">Comparisons that two people or more have answered.</param>
/// <param name="Alpha">Krippendorff's α, nominal: of rankings, over all pairs of their responses.</param>
/// <param name="AlphaOverTime">α of comparisons in the order in which they were judged, in parts of equal number.</param>
/// <param name="Fleiss">Fleiss' κ, where each comparison was answered by the same number of people.</param>
/// <param name="LabelNoise">The share of strict preferences that are not what their annotator meant, if all are alike.</param>
/// <param name="Annotators">By the number of their judgments, most first.</param>
/// <param name="Pairs">Those two and two who have answered the most comparisons together.</param>
public sealed record WorkItem(
    DateTime At, int Judgments, int JudgedTwice, Figure Alpha, IReadOnlyList<AlphaOfPart> AlphaOverTime, Figure Fleiss, Figure LabelNoise, IReadOnlyList<AnnotatorItem> Annotators,
    IReadOnlyList<PairAgreement> Pairs);

/// <summary>One annotator's figures.</summary>
/// <param name="Annotator">The pseudonym.</param>
/// <param name="Name">The user name for admins, the pseudonym for everybody else.</param>
/// <param name="IsLeftOut">Nobody is to learn from their judgments.</param>
/// <param name="Majority">Agreement with the majority of all others; comparisons where these are divided say nothing.</param>
/// <param name="Gold">By first answers on gold comparisons.</param>
/// <param name="SelfConsistency">With oneself, asked once more.</param>
/// <param name="PositionBias">How often the better one stood to the left of the worse one; a half is none.</param>
/// <param name="MedianSeconds">Null if no time was taken.</param>
/// <param name="Speed">Judgments by their time: under 2, 4, 8, 15, 30, 60 and 120 seconds, and above.</param>
public sealed record AnnotatorItem(
    string Annotator, string Name, bool IsLeftOut, int Judgments, int Skipped, Figure Majority, Figure Gold, Figure SelfConsistency, Figure PositionBias, Figure LabelNoise,
    double? MedianSeconds, IReadOnlyList<int> Speed);

/// <summary>Two people's agreement on what both have answered.</summary>
/// <param name="Kappa">Cohen's κ.</param>
public sealed record PairAgreement(string First, string Second, Figure Kappa);

/// <summary>Whether an annotator's judgments are left out of training in a study, and what leaving them out means.</summary>
/// <param name="Annotator">The pseudonym.</param>
/// <param name="Judgments">Their current ones in the study.</param>
/// <param name="Train">Of these, preferences that a round trains on.</param>
/// <param name="Eval">Preferences that a round measures itself by.</param>
/// <param name="OnlyTheirs">Comparisons that nobody else has judged: nothing would be left of them.</param>
public sealed record LeftOutItem(string Annotator, bool IsLeftOut, int Judgments, int Train, int Eval, int OnlyTheirs);

internal static class WorkEndpoints
{
    public static void MapWork(this IEndpointRouteBuilder api)
    {
        var study = api.MapGroup("/studies/{study:long}").WithTags("People's work");
        study.MapGet("/annotators", ReadAsync).Needs(ApiScopes.Read).WithSummary("What the judgments say of those who judged: agreement, gold, position, speed, noise");
        study.MapGet("/left-out/{annotator}", PreviewAsync).Needs(ApiScopes.Write).WithSummary("What leaving an annotator, by pseudonym, out of training would change; nothing is changed");
        study.MapPut("/left-out/{annotator}", LeaveOutAsync).Needs(ApiScopes.Write).WithSummary("Leave an annotator's judgments out of training; rounds that have their snapshot keep it");
        study.MapDelete("/left-out/{annotator}", TakeInAsync).Needs(ApiScopes.Write).WithSummary("Take an annotator's judgments into training again");
    }

    private static async Task<Ok<WorkItem>> ReadAsync(ClaimsPrincipal user, long study, StudyOperations studies, PeopleWork people, CancellationToken cancellation)
    {
        await studies.RequireAsync(user, study, cancellation);
        var view = await people.ReadAsync(CurrentPerson.From(user), study, cancellation);
        while (view is { Work: null, Newer: { } first })
        {
            // A page says that it is being counted; a program can wait for it.
            await first.WaitAsync(cancellation);
            view = await people.ReadAsync(CurrentPerson.From(user), study, cancellation);
        }

        return TypedResults.Ok(Of(view));
    }

    private static async Task<Ok<LeftOutItem>> PreviewAsync(
        ClaimsPrincipal user, long study, string annotator, StudyOperations studies, PeopleWork people, IDbContextFactory<AnnotatorDbContext> contexts, CancellationToken cancellation)
    {
        var id = await IdAsync(user, study, annotator, studies, contexts, cancellation);
        var preview = await people.PreviewLeavingOutAsync(CurrentPerson.From(user), study, id, cancellation);
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        var isLeftOut = await db.LeftOutAnnotators.AnyAsync(l => l.StudyId == study && l.AnnotatorId == id, cancellation);
        return TypedResults.Ok(new LeftOutItem(annotator, isLeftOut, preview.Judgments, preview.Train, preview.Eval, preview.OnlyTheirs));
    }

    private static async Task<Ok<LeftOutItem>> LeaveOutAsync(
        ClaimsPrincipal user, long study, string annotator, StudyOperations studies, PeopleWork people, IDbContextFactory<AnnotatorDbContext> contexts, CancellationToken cancellation)
    {
        var id = await IdAsync(user, study, annotator, studies, contexts, cancellation);
        await people.SetLeftOutAsync(CurrentPerson.From(user), study, id, true, cancellation);
        return await PreviewAsync(user, study, annotator, studies, people, contexts, cancellation);
    }

    private static async Task<Ok<LeftOutItem>> TakeInAsync(
        ClaimsPrincipal user, long study, string annotator, StudyOperations studies, PeopleWork people, IDbContextFactory<AnnotatorDbContext> contexts, CancellationToken cancellation)
    {
        var id = await IdAsync(user, study, annotator, studies, contexts, cancellation);
        await people.SetLeftOutAsync(CurrentPerson.From(user), study, id, false, cancellation);
        return await PreviewAsync(user, study, annotator, studies, people, contexts, cancellation);
    }

    private static async Task<string> IdAsync(
        ClaimsPrincipal user, long study, string pseudonym, StudyOperations studies, IDbContextFactory<AnnotatorDbContext> contexts, CancellationToken cancellation)
    {
        await studies.RequireAsync(user, study, cancellation);
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        return await db.Users.Where(p => p.Pseudonym == pseudonym).Select(p => p.Id).FirstOrDefaultAsync(cancellation)
            ?? throw ProblemException.NotFound($"There is no annotator {pseudonym}: annotators go by the pseudonyms of the study's judgments.");
    }

    private static WorkItem Of(WorkView view)
    {
        var work = view.Work!;
        return new(
            view.At, work.Judgments, work.JudgedTwice, work.Alpha, work.AlphaOverTime, work.Fleiss, work.LabelNoise,
            [
                .. work.People.Where(one => view.People.ContainsKey(one.AnnotatorId)).Select(one => (Figures: one, Who: view.People[one.AnnotatorId])).Select(one => new AnnotatorItem(
                    one.Who.Pseudonym, one.Who.Name, one.Who.IsLeftOut, one.Figures.Judgments, one.Figures.Skipped, one.Figures.Majority, one.Figures.Gold, one.Figures.SelfConsistency,
                    one.Figures.PositionBias, one.Figures.LabelNoise, one.Figures.MedianSeconds, one.Figures.Speed)),
            ],
            [
                .. work.Pairs.Where(pair => view.People.ContainsKey(pair.FirstId) && view.People.ContainsKey(pair.SecondId))
                    .Select(pair => new PairAgreement(view.People[pair.FirstId].Pseudonym, view.People[pair.SecondId].Pseudonym, pair.Kappa)),
            ]);
    }
}

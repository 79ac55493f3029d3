using System.Security.Claims;
using System.Text.Json;
using System.Text.Json.Nodes;
using Annotator.Model.Preferences;
using Annotator.Web.Data;
using Annotator.Web.Rounds;
using Annotator.Web.Studies;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Annotator.Web.Api.Endpoints;

/// <summary>A round.</summary>
/// <param name="Options">As in <c>options.json</c>, less the directories.</param>
/// <param name="InitPolicy">The number of the policy it trains from; null until it starts.</param>
/// <param name="ResultPolicy">The number of the policy it made.</param>
/// <param name="Counts">What its snapshot took and left out; null before it was written.</param>
/// <param name="Result">What the trainer reported at the end.</param>
public sealed record RoundItem(
    int Number, RoundState State, RoundInit Init, RoundReference Reference, RoundData Data, JsonNode? Options, int? InitPolicy, int? ResultPolicy, int? PreferenceCount, SelectionCounts? Counts,
    RoundResult? Result, bool CanResume, string? StartedBy, string? FailureReason, DateTime CreatedAt, DateTime? StartedAt, DateTime? EndedAt);

/// <summary>A round to start.</summary>
/// <param name="Options">What differs from the app's defaults, by the names of <c>options.json</c>; <c>policy</c> and <c>reference</c> are the app's to set.</param>
public sealed record NewRound(JsonObject? Options = null, RoundInit Init = RoundInit.Previous, RoundReference Reference = RoundReference.Sft, RoundData Data = RoundData.All);

/// <summary>What a round started now would train on.</summary>
/// <param name="Agreement">Krippendorff's α over the comparisons that two or more judged; null where it can't be told.</param>
/// <param name="JudgedTwice">So many comparisons say so.</param>
/// <param name="Seconds">How long a round with the app's defaults is likely to take; null before the first round.</param>
public sealed record PreviewItem(
    SelectionCounts Counts, IReadOnlyList<PolicyShare> ByPolicy, IReadOnlyList<AnnotatorShare> ByAnnotator, double? Agreement, int JudgedTwice, double? Seconds);

/// <summary>Preferences on a policy's responses.</summary>
public sealed record PolicyShare(int Policy, int Preferences);

/// <summary>Preferences of an annotator.</summary>
public sealed record AnnotatorShare(string Annotator, int Preferences);

/// <summary>The steps of a round so far, by the names of <c>metrics.jsonl</c>.</summary>
public sealed record RoundSteps(IReadOnlyList<RoundMetrics> Items);

/// <summary>Responses before and after a round, on the same prompts.</summary>
public sealed record RoundSamples(IReadOnlyList<RoundSampleLine> Items);

/// <summary>The last lines that the trainer said, the oldest first.</summary>
public sealed record RoundLog(IReadOnlyList<string> Lines);

internal static class RoundEndpoints
{
    public static void MapRounds(this IEndpointRouteBuilder api)
    {
        var rounds = api.MapGroup("/studies/{study:long}/rounds").WithTags("Rounds");
        rounds.MapGet("", ListAsync).Needs(ApiScopes.Read).WithSummary("The study's rounds, the newest first");
        rounds.MapPost("", StartAsync).Needs(ApiScopes.Write).WithMetadata(new Creates()).WithSummary("Queue a round; it starts at once if none runs");
        rounds.MapGet("/preview", PreviewAsync).Needs(ApiScopes.Write).WithSummary("What a round started now would train on, and for how long");
        rounds.MapGet("/{number:int}/download", DownloadAsync).Needs(ApiScopes.Read).WithSummary("The round directory as a zip, streamed; with ?policies=true all that repeats it")
            .Produces(StatusCodes.Status200OK, contentType: "application/zip");
        rounds.MapGet("/{number:int}", GetAsync).Needs(ApiScopes.Read).WithSummary("One round");
        rounds.MapGet("/{number:int}/metrics", MetricsAsync).Needs(ApiScopes.Read).WithSummary("The round's metrics, also while it runs");
        rounds.MapGet("/{number:int}/samples", SamplesAsync).Needs(ApiScopes.Read).WithSummary("What it changed: responses before and after, on the same prompts");
        rounds.MapGet("/{number:int}/log", LogAsync).Needs(ApiScopes.Read).WithSummary("What the trainer said, also while it runs");
        rounds.MapPost("/{number:int}/cancel", CancelAsync).Needs(ApiScopes.Write).WithSummary("Take it out of the queue, or stop it where it runs");
        rounds.MapPost("/{number:int}/resume", ResumeAsync).Needs(ApiScopes.Write).WithSummary("Go on with a round that was cut off");
        rounds.MapDelete("/{number:int}", DeleteAsync).Needs(ApiScopes.Write).WithSummary("Delete a round that has ended, with its files; its policy stays");
        rounds.MapPost("/{number:int}/retry", RetryAsync).Needs(ApiScopes.Write).WithMetadata(new Creates()).WithSummary("A new round with its options, on the judgments of now");
    }

    private static async Task<Ok<Page<RoundItem>>> ListAsync(
        ClaimsPrincipal user, long study, [AsParameters] PageOf page, StudyOperations studies, RoundReader rounds, CancellationToken cancellation)
    {
        await studies.RequireAsync(user, study, cancellation);
        var before = page.After() ?? int.MaxValue;
        var overview = await rounds.OverviewAsync(CurrentPerson.From(user), study, cancellation);
        return TypedResults.Ok(page.Of([.. overview.Rounds.Where(r => r.Round.Number < before).Take(page.Size() + 1).Select(Of)], row => row.Number));
    }

    private static async Task<Ok<RoundItem>> GetAsync(ClaimsPrincipal user, long study, int number, RoundReader rounds, CancellationToken cancellation) =>
        TypedResults.Ok(Of(await FindAsync(user, study, number, rounds, cancellation)));

    private static async Task<Ok<RoundSteps>> MetricsAsync(ClaimsPrincipal user, long study, int number, RoundReader rounds, CancellationToken cancellation)
    {
        var round = await FindAsync(user, study, number, rounds, cancellation);
        return TypedResults.Ok(new RoundSteps(new MetricsTail(rounds.Directory(round.Round).Metrics).ReadNew()));
    }

    private static async Task<Ok<RoundSamples>> SamplesAsync(ClaimsPrincipal user, long study, int number, RoundReader rounds, CancellationToken cancellation) =>
        TypedResults.Ok(new RoundSamples(rounds.Samples(CurrentPerson.From(user), (await FindAsync(user, study, number, rounds, cancellation)).Round)));

    private static async Task<Ok<RoundLog>> LogAsync(ClaimsPrincipal user, long study, int number, RoundReader rounds, CancellationToken cancellation) =>
        TypedResults.Ok(new RoundLog(rounds.Log(CurrentPerson.From(user), (await FindAsync(user, study, number, rounds, cancellation)).Round)));

    private static async Task<Created<RoundItem>> StartAsync(
        ClaimsPrincipal user, long study, Body<NewRound> body, StudyOperations studies, RoundOperations operations, RoundReader rounds, CancellationToken cancellation)
    {
        await studies.RequireAsync(user, study, cancellation);
        var asked = body.Value;
        var id = await operations.StartAsync(
            CurrentPerson.From(user), new() { StudyId = study, Options = OptionsOf(asked), Init = asked.Init, Reference = asked.Reference, Data = asked.Data }, cancellation);
        return await CreatedAsync(user, study, id, rounds, cancellation);
    }

    private static async Task<Ok<RoundItem>> CancelAsync(ClaimsPrincipal user, long study, int number, RoundOperations operations, RoundReader rounds, CancellationToken cancellation)
    {
        var round = await FindAsync(user, study, number, rounds, cancellation);
        await operations.CancelAsync(CurrentPerson.From(user), round.Round.Id, cancellation);
        return await GetAsync(user, study, number, rounds, cancellation);
    }

    private static async Task<Ok<RoundItem>> ResumeAsync(ClaimsPrincipal user, long study, int number, RoundOperations operations, RoundReader rounds, CancellationToken cancellation)
    {
        var round = await FindAsync(user, study, number, rounds, cancellation);
        await operations.ResumeAsync(CurrentPerson.From(user), round.Round.Id, cancellation);
        return await GetAsync(user, study, number, rounds, cancellation);
    }

    private static async Task<Created<RoundItem>> RetryAsync(ClaimsPrincipal user, long study, int number, RoundOperations operations, RoundReader rounds, CancellationToken cancellation)
    {
        var round = await FindAsync(user, study, number, rounds, cancellation);
        return await CreatedAsync(user, study, await operations.RetryAsync(CurrentPerson.From(user), round.Round.Id, cancellation), rounds, cancellation);
    }

    private static async Task<NoContent> DeleteAsync(ClaimsPrincipal user, long study, int number, RoundOperations operations, RoundReader rounds, CancellationToken cancellation)
    {
        var round = await FindAsync(user, study, number, rounds, cancellation);
        await operations.DeleteAsync(CurrentPerson.From(user), round.Round.Id, cancellation);
        return TypedResults.NoContent();
    }

    private static async Task<Ok<PreviewItem>> PreviewAsync(
        ClaimsPrincipal user, long study, Choice<RoundData>? data, StudyOperations studies, RoundPreviewReader previews, CancellationToken cancellation)
    {
        await studies.RequireAsync(user, study, cancellation);
        var preview = await previews.ReadAsync(CurrentPerson.From(user), study, data?.Value ?? RoundData.All, cancellation);
        return TypedResults.Ok(new PreviewItem(
            preview.Counts, [.. preview.ByPolicy.Select(one => new PolicyShare(one.Policy, one.Preferences))], [.. preview.ByAnnotator.Select(one => new AnnotatorShare(one.Annotator, one.Preferences))],
            preview.Agreement, preview.JudgedTwice, preview.Estimate(RoundOptions.AppDefaults("policy", "reference"))?.TotalSeconds));
    }

    private static async Task<PushStreamHttpResult> DownloadAsync(HttpContext http, long study, int number, bool? policies, RoundReader rounds, RoundArchive archive, CancellationToken cancellation)
    {
        var round = await FindAsync(http.User, study, number, rounds, cancellation);
        var name = await archive.NameAsync(CurrentPerson.From(http.User), round.Round.Id, cancellation)
            ?? throw ProblemException.NotFound($"Nothing of round {number} of study {study} is on the disk.");
        // The end of each compressed file in a zip is written synchronously, whatever one does; it is a few bytes.
        http.Features.GetRequiredFeature<IHttpBodyControlFeature>().AllowSynchronousIO = true;
        return TypedResults.Stream(output => archive.WriteAsync(name, policies == true, output, http.RequestAborted), "application/zip", $"{name}.zip");
    }

    private static async Task<Created<RoundItem>> CreatedAsync(ClaimsPrincipal user, long study, long id, RoundReader rounds, CancellationToken cancellation)
    {
        var overview = await rounds.OverviewAsync(CurrentPerson.From(user), study, cancellation);
        var made = Of(overview.Rounds.Single(r => r.Round.Id == id));
        return TypedResults.Created($"{ApiSetup.Root}/studies/{study}/rounds/{made.Number}", made);
    }

    private static async Task<RoundView> FindAsync(ClaimsPrincipal user, long study, int number, RoundReader rounds, CancellationToken cancellation) =>
        await rounds.FindAsync(CurrentPerson.From(user), study, number, cancellation) ?? throw ProblemException.NotFound($"There is no round {number} in study {study}.");

    /// <summary>The app's defaults with what was asked for in its place.</summary>
    private static RoundOptions OptionsOf(NewRound asked)
    {
        var options = JsonNode.Parse(RoundOptionsText.Format(RoundOptions.AppDefaults("policy", "reference")))!.AsObject();
        foreach (var (name, value) in asked.Options ?? [])
        {
            options[name] = name is not ("policy" or "reference")
                ? value?.DeepClone()
                : throw ProblemException.BadRequest($"options: {name} is the app's to set; choose by init and reference what a round starts from and is held against.");
        }

        try
        {
            return RoundOptionsText.Parse(options.ToJsonString(JsonSerializerOptions.Default));
        }
        catch (FormatException e)
        {
            throw ProblemException.BadRequest(e.Message, e);
        }
    }

    private static RoundItem Of(RoundView view)
    {
        var round = view.Round;
        return new(
            round.Number, round.State, round.Init, round.Reference, round.Data, JsonNode.Parse(round.Options), round.InitPolicy?.Number, round.ResultPolicy?.Number, round.PreferenceCount,
            view.Counts, view.Result, view.CanResume, round.StartedBy?.UserName, round.FailureReason, round.CreatedAt, round.StartedAt, round.EndedAt);
    }
}

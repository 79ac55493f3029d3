using System.ComponentModel;
using System.Security.Claims;
using Annotator.Model.Preferences.Datasets;
using Annotator.Web.Data;
using Annotator.Web.Dataset;
using Annotator.Web.Dataset.Importing;
using Annotator.Web.Prompts;
using Annotator.Web.Studies;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;

namespace Annotator.Web.Api.Endpoints;

/// <summary>An export that can be had.</summary>
/// <param name="Name">What to ask for; with <c>.zip</c> after it, the file with its card and checksum.</param>
public sealed record ExportItem(string Name, string Format, string ContentType, string Href);

/// <summary>What an import of judgments did, or would do.</summary>
public sealed record ImportOutcome(bool DryRun, string Format, ImportReport Report);

/// <summary>What an import of prompts did, or would do.</summary>
public sealed record PromptImportOutcome(bool DryRun, PromptImportReport Report);

/// <summary>How a file that is sent as the body is read.</summary>
public sealed record FileOptions
{
    [FromQuery(Name = "name"), Description("The file's name; its ending says how it is read: .jsonl, .csv, .parquet, .txt, also with .gz.")]
    public required string Name { get; init; }

    [FromQuery(Name = "dry_run"), Description("Only say what it would bring.")]
    public bool? DryRun { get; init; }

    [FromQuery(Name = "skip_too_long"), Description("Leave out what does not fit the policy's context; true unless said otherwise.")]
    public bool? SkipTooLong { get; init; }
}

internal static class DatasetEndpoints
{
    private static readonly IReadOnlyList<string> Formats = [.. DatasetFormats.All.Select(format => format.Name).Append(ImportRequest.LogFormat).Order(StringComparer.Ordinal)];

    public static void MapDataset(this IEndpointRouteBuilder api)
    {
        var study = api.MapGroup("/studies/{study:long}").WithTags("Dataset");
        study.MapGet("/exports", ListAsync).Needs(ApiScopes.Read).WithSummary("The exports that can be had");
        study.MapGet("/exports/{name}", ExportAsync).Needs(ApiScopes.Read).WithSummary("One export, streamed: trl.jsonl, log.parquet, …, or trl.jsonl.zip with card and checksum")
            .Produces(StatusCodes.Status200OK, contentType: "application/octet-stream");
        study.MapPost("/imports", ImportAsync).Needs(ApiScopes.Write).WithMetadata(new RequestSizeLimitAttribute(Uploads.Largest), new TakesAFile())
            .WithSummary("Import judgments: the file is the body. All of what it takes, or nothing");
        study.MapPost("/prompts/imports", ImportPromptsAsync).Needs(ApiScopes.Write).WithMetadata(new RequestSizeLimitAttribute(Uploads.Largest), new TakesAFile())
            .WithSummary("Import prompts: the file is the body");
    }

    private static async Task<Ok<Page<ExportItem>>> ListAsync(ClaimsPrincipal user, long study, StudyOperations studies, CancellationToken cancellation)
    {
        await studies.RequireAsync(user, study, cancellation);
        return TypedResults.Ok(new Page<ExportItem>(
            [.. DatasetFile.All.Select(file => new ExportItem(file.Name, file.Format, file.ContentType, $"{ApiSetup.Root}/studies/{study}/exports/{file.Name}"))], null));
    }

    private static async Task<IResult> ExportAsync(
        HttpContext http, long study, string name, StudyOperations studies, DatasetExport export, DatasetArchive archive, CancellationToken cancellation)
    {
        await studies.RequireAsync(http.User, study, cancellation);
        var (who, zipped) = (CurrentPerson.From(http.User), name.EndsWith(".zip", StringComparison.Ordinal));
        var file = DatasetFile.Find(zipped ? name[..^".zip".Length] : name)
            ?? throw ProblemException.NotFound($"There is no export {name}: there are {string.Join(", ", DatasetFile.All.Select(f => f.Name))}, each also as .zip.");
        if (await export.ProblemAsync(who, study, file, cancellation) is { } problem)
        {
            throw new ProblemException(StatusCodes.Status409Conflict, problem);
        }

        // A zip's directory and the foot of a Parquet file are written synchronously, whatever one does; they are small.
        http.Features.GetRequiredFeature<IHttpBodyControlFeature>().AllowSynchronousIO = true;
        return zipped
            ? TypedResults.Stream(body => archive.WriteAsync(who, study, file, body, http.RequestAborted), "application/zip", $"study-{study}-{name}")
            : TypedResults.Stream(body => export.WriteAsync(who, study, file, body, http.RequestAborted), file.ContentType, $"study-{study}-{name}");
    }

    private static async Task<Ok<ImportOutcome>> ImportAsync(
        HttpContext http, long study, [AsParameters] FileOptions options,
        [Description("trl, hh-rlhf, ranking, log, …; recognised by its first record unless given.")] string? format,
        [FromQuery(Name = "skip_known"), Description("Leave out what the study has already; true unless said otherwise.")] bool? skipKnown,
        [FromQuery(Name = "sample_prompts"), Description("Also sample responses for the prompts that the file brings.")] bool? samplePrompts,
        StudyOperations studies, Uploads uploads, DatasetImport imports, LengthCheck lengths, CancellationToken cancellation)
    {
        await studies.RequireAsync(http.User, study, cancellation);
        var who = CurrentPerson.From(http.User);
        using var upload = await uploads.TakeAsync(who, options.Name, http.Request.Body, cancellation: cancellation);
        var kind = Records.KindOf(upload.Name);
        format ??= await DatasetImport.RecogniseAsync(who, upload, kind, cancellation)
            ?? throw new RefusedException($"The file's format is not recognised by its first record: name it with ?format=, one of {string.Join(", ", Formats)}.");
        if (!Formats.Contains(format))
        {
            throw ProblemException.BadRequest($"There is no format {format}: formats are {string.Join(", ", Formats)}.");
        }

        var request = new ImportRequest
        {
            StudyId = study, Format = format, Kind = kind, SkipKnown = skipKnown ?? true, SkipTooLong = options.SkipTooLong ?? true, SamplePrompts = samplePrompts ?? false,
        };
        var tooLong = await lengths.TooLongAsync(study, imports.EntriesAsync(upload, request, cancellation), cancellation);
        var report = options.DryRun == true
            ? await imports.LookAsync(who, upload, request, tooLong, cancellation)
            : await imports.ImportAsync(who, upload, request, tooLong, cancellation: cancellation);
        return TypedResults.Ok(new ImportOutcome(options.DryRun == true, format, report));
    }

    private static async Task<Ok<PromptImportOutcome>> ImportPromptsAsync(
        HttpContext http, long study, [AsParameters] FileOptions options,
        [FromQuery(Name = "heldout_share"), Description("The share, from 0 to 0.5, held out among prompts of which the file does not say.")] double? heldoutShare,
        StudyOperations studies, Uploads uploads, PromptImport prompts, CancellationToken cancellation)
    {
        await studies.RequireAsync(http.User, study, cancellation);
        var who = CurrentPerson.From(http.User);
        using var upload = await uploads.TakeAsync(who, options.Name, http.Request.Body, cancellation: cancellation);
        var request = new PromptImportRequest { StudyId = study, Kind = Records.KindOf(upload.Name), HeldOutShare = heldoutShare ?? 0, SkipTooLong = options.SkipTooLong ?? true };
        var report = options.DryRun == true ? await prompts.LookAsync(who, upload, request, cancellation) : await prompts.ImportAsync(who, upload, request, cancellation);
        return TypedResults.Ok(new PromptImportOutcome(options.DryRun == true, report));
    }
}

/// <summary>Marks an endpoint whose body is a file, whatever its content type.</summary>
internal sealed class TakesAFile;

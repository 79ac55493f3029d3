using System.Security.Claims;
using System.Text.Json;
using Annotator.Model.Preferences;
using Annotator.Model.Preferences.Datasets;
using Annotator.Web.Data;
using Annotator.Web.Dataset.Importing;
using Annotator.Web.Prompts;
using Annotator.Web.Studies;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Web.Api.Endpoints;

/// <summary>A prompt: a text, or a chat whose plain rendering the text is.</summary>
public sealed record PromptItem(long Id, string Text, IReadOnlyList<ChatMessage>? Messages, PromptSplit Split, int Priority, bool IsPaused, DateTime CreatedAt);

/// <summary>A prompt to add: a text, or a chat that ends with the user's turn.</summary>
public sealed record NewPrompt(string? Text = null, IReadOnlyList<ChatMessage>? Messages = null, PromptSplit? Split = null, int Priority = 0);

/// <summary>Prompts to add.</summary>
public sealed record NewPrompts(IReadOnlyList<NewPrompt> Prompts);

internal static class PromptEndpoints
{
    public static void MapPrompts(this IEndpointRouteBuilder api)
    {
        var prompts = api.MapGroup("/studies/{study:long}/prompts").WithTags("Prompts");
        prompts.MapGet("", ListAsync).Needs(ApiScopes.Read).WithSummary("The study's prompts, the oldest first");
        prompts.MapPost("", AddAsync).Needs(ApiScopes.Write).WithMetadata(new Creates()).WithSummary("Add prompts; those that the study has already are left out");
    }

    private static async Task<Ok<Page<PromptItem>>> ListAsync(
        ClaimsPrincipal user, long study, [AsParameters] PageOf page, StudyOperations studies, IDbContextFactory<AnnotatorDbContext> contexts, CancellationToken cancellation)
    {
        await studies.RequireAsync(user, study, cancellation);
        var after = page.After() ?? 0;
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        var rows = await db.Prompts.Where(p => p.StudyId == study && p.Id > after).OrderBy(p => p.Id).Take(page.Size() + 1)
            .Select(p => new PromptItem(p.Id, p.Text, p.Messages, p.Split, p.Priority, p.IsPaused, p.CreatedAt)).ToListAsync(cancellation);
        return TypedResults.Ok(page.Of(rows, row => row.Id));
    }

    private static async Task<Created<PromptImportReport>> AddAsync(
        ClaimsPrincipal user, long study, Body<NewPrompts> body, StudyOperations studies, Uploads uploads, PromptImport prompts, CancellationToken cancellation)
    {
        await studies.RequireAsync(user, study, cancellation);
        var who = CurrentPerson.From(user);
        // As a file of prompts: the same checks, counts and audit row as one that is sent to the page.
        await using var lines = new MemoryStream();
        foreach (var prompt in body.Value.Prompts)
        {
            await JsonSerializer.SerializeAsync(lines, new { prompt.Text, prompt.Messages, prompt.Split, prompt.Priority }, JsonLines.Spelling, cancellation);
            lines.WriteByte((byte)'\n');
        }

        lines.Position = 0;
        using var upload = await uploads.TakeAsync(who, "api.jsonl", lines, cancellation: cancellation);
        return TypedResults.Created(
            $"{ApiSetup.Root}/studies/{study}/prompts",
            await prompts.ImportAsync(who, upload, new() { StudyId = study, Kind = RecordKind.JsonLines }, cancellation));
    }
}

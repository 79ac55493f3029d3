using System.Security.Claims;
using System.Text.Json;
using Annotator.Model.Preferences;
using Annotator.Model.Preferences.Datasets;
using Annotator.Web.Data;
using Annotator.Web.Dataset.Importing;
using Annotator.Web.Prompts;
using Annotator.Web.Studies;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Web.Api.Endpoints;

/// <summary>A prompt: a text, or a chat whose plain rendering the text is.</summary>
public sealed record PromptItem(long Id, string Text, IReadOnlyList<ChatMessage>? Messages, PromptSplit Split, int Priority, bool IsPaused, DateTime CreatedAt);

/// <summary>A prompt to add: a text, or a chat that ends with the user's turn.</summary>
public sealed record NewPrompt(string? Text = null, IReadOnlyList<ChatMessage>? Messages = null, PromptSplit? Split = null, int Priority = 0);

/// <summary>Prompts to add.</summary>
public sealed record NewPrompts(IReadOnlyList<NewPrompt> Prompts);

/// <summary>Which prompts of a study; what is left out does not matter.</summary>
/// <param name="Text">Stands somewhere in the prompt, capitals or not.</param>
public sealed record PromptsWhere(string? Text = null, PromptSplit? Split = null, bool? IsPaused = null)
{
    internal PromptFilter Filter => new() { Text = Text, Split = Split, IsPaused = IsPaused };
}

/// <summary>A change to many prompts at once: to those of <paramref name="Ids"/>, or to all of <paramref name="Where"/>. What is null stays.</summary>
public sealed record PromptsChange(IReadOnlyList<long>? Ids = null, PromptsWhere? Where = null, bool? IsPaused = null, int? Priority = null, PromptSplit? Split = null);

/// <summary>How many prompts a change was for.</summary>
public sealed record ChangedPrompts(int Changed);

internal static class PromptEndpoints
{
    public static void MapPrompts(this IEndpointRouteBuilder api)
    {
        var prompts = api.MapGroup("/studies/{study:long}/prompts").WithTags("Prompts");
        prompts.MapGet("", ListAsync).Needs(ApiScopes.Read).WithSummary("The study's prompts, the oldest first");
        prompts.MapPost("", AddAsync).Needs(ApiScopes.Write).WithMetadata(new Creates()).WithSummary("Add prompts; those that the study has already are left out");
        prompts.MapPost("/changes", ChangeManyAsync).Needs(ApiScopes.Write).WithSummary("Pause, resume, hold out or move many prompts at once: by their ids, or all of a kind");
        prompts.MapGet("/{prompt:long}", GetAsync).Needs(ApiScopes.Read).WithSummary("One prompt");
        prompts.MapPatch("/{prompt:long}", ChangeAsync).Needs(ApiScopes.Write).WithSummary("Pause or resume a prompt, hold it out or train on it, move it up or down in the queue");
    }

    private static async Task<Ok<Page<PromptItem>>> ListAsync(
        ClaimsPrincipal user, long study, [AsParameters] PageOf page, string? text, Choice<PromptSplit>? split, [FromQuery(Name = "is_paused")] bool? isPaused,
        StudyOperations studies, IDbContextFactory<AnnotatorDbContext> contexts, CancellationToken cancellation)
    {
        await studies.RequireAsync(user, study, cancellation);
        var after = page.After() ?? 0;
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        var rows = await Items(new PromptsWhere(text, split?.Value, isPaused).Filter.Of(db, study).Where(p => p.Id > after).OrderBy(p => p.Id).Take(page.Size() + 1)).ToListAsync(cancellation);
        return TypedResults.Ok(page.Of(rows, row => row.Id));
    }

    private static async Task<Ok<PromptItem>> GetAsync(
        ClaimsPrincipal user, long study, long prompt, StudyOperations studies, IDbContextFactory<AnnotatorDbContext> contexts, CancellationToken cancellation)
    {
        await studies.RequireAsync(user, study, cancellation);
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        return TypedResults.Ok(await Items(db.Prompts.Where(p => p.StudyId == study && p.Id == prompt)).SingleOrDefaultAsync(cancellation)
            ?? throw ProblemException.NotFound($"There is no prompt {prompt} in study {study}."));
    }

    private static async Task<Ok<PromptItem>> ChangeAsync(
        ClaimsPrincipal user, long study, long prompt, Body<PromptChange> change,
        StudyOperations studies, PromptOperations prompts, IDbContextFactory<AnnotatorDbContext> contexts, CancellationToken cancellation)
    {
        await GetAsync(user, study, prompt, studies, contexts, cancellation);
        await prompts.ChangeAsync(CurrentPerson.From(user), study, PromptSelection.These([prompt]), change.Value, cancellation);
        return await GetAsync(user, study, prompt, studies, contexts, cancellation);
    }

    private static async Task<Ok<ChangedPrompts>> ChangeManyAsync(
        ClaimsPrincipal user, long study, Body<PromptsChange> body, StudyOperations studies, PromptOperations prompts, CancellationToken cancellation)
    {
        await studies.RequireAsync(user, study, cancellation);
        var asked = body.Value;
        var which = asked switch
        {
            { Ids: { } ids, Where: null } => PromptSelection.These([.. ids]),
            { Ids: null, Where: { } where } => PromptSelection.All(where.Filter),
            _ => throw ProblemException.BadRequest("Say which prompts: either ids, or where ({} are all)."),
        };
        return TypedResults.Ok(new ChangedPrompts(await prompts.ChangeAsync(
            CurrentPerson.From(user), study, which, new() { IsPaused = asked.IsPaused, Priority = asked.Priority, Split = asked.Split }, cancellation)));
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

    private static IQueryable<PromptItem> Items(IQueryable<Prompt> prompts) =>
        prompts.Select(p => new PromptItem(p.Id, p.Text, p.Messages, p.Split, p.Priority, p.IsPaused, p.CreatedAt));
}

using System.ComponentModel;
using System.Security.Claims;
using Annotator.Web.Audit;
using Annotator.Web.Data;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;

namespace Annotator.Web.Api.Endpoints;

/// <summary>What is looked for in the audit log.</summary>
public sealed record AuditQuery
{
    [FromQuery(Name = "person"), Description("The id of an account.")]
    public string? Person { get; init; }

    [FromQuery(Name = "action"), Description("A whole action, `round.start`, or a kind of them, `round`.")]
    public string? Action { get; init; }

    [FromQuery(Name = "text"), Description("Within the sentence.")]
    public string? Text { get; init; }

    [FromQuery(Name = "from")]
    public DateTimeOffset? From { get; init; }

    [FromQuery(Name = "until"), Description("Before it.")]
    public DateTimeOffset? Until { get; init; }

    internal AuditFilter Filter => new() { PersonId = Person, Action = Action, Text = Text, From = From?.UtcDateTime, Until = Until?.UtcDateTime };
}

internal static class AuditEndpoints
{
    public static void MapAuditLog(this IEndpointRouteBuilder api)
    {
        var audit = api.MapGroup("/audit").WithTags("Audit").Needs(ApiScopes.Admin);
        audit.MapGet("", ListAsync).WithSummary("Who did what, when, from where; the newest first");
        audit.MapGet("/audit.{ending:regex(^(jsonl|csv)$)}", Export).WithSummary("The whole log, the oldest first, streamed as JSON lines or CSV")
            .Produces(StatusCodes.Status200OK, contentType: "application/octet-stream");
    }

    private static async Task<Ok<Page<AuditRow>>> ListAsync(ClaimsPrincipal user, [AsParameters] AuditQuery query, [AsParameters] PageOf page, AuditLog log, CancellationToken cancellation) =>
        TypedResults.Ok(page.Of(await log.ListAsync(CurrentPerson.From(user), query.Filter, page.After(), page.Size() + 1, cancellation), row => row.Id));

    private static PushStreamHttpResult Export(HttpContext http, string ending, [AsParameters] AuditQuery query, AuditLog log) => TypedResults.Stream(
        body => log.WriteAsync(CurrentPerson.From(http.User), query.Filter, ending, body, http.RequestAborted), AuditSetup.ContentType(ending), $"audit.{ending}");
}

using System.Security.Claims;
using Annotator.Web.Data;
using Annotator.Web.Webhooks;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Annotator.Web.Api.Endpoints;

/// <summary>A webhook.</summary>
/// <param name="Events"><c>round.ended</c>, <c>policy.promoted</c>, <c>judgments.counted</c>.</param>
/// <param name="Study">Null = all studies.</param>
/// <param name="Waiting">Messages that are yet to be taken.</param>
public sealed record WebhookItem(
    long Id, string Url, IReadOnlyList<string> Events, int JudgmentsEvery, long? Study, bool IsPaused, DateTime CreatedAt, int Waiting, DateTime? LastDeliveredAt);

/// <summary>A webhook to add.</summary>
public sealed record WebhookToAdd(string Url, IReadOnlyList<string> Events, int JudgmentsEvery = 100, long? Study = null);

/// <summary>What can be changed of a webhook.</summary>
public sealed record WebhookChange(bool IsPaused);

internal static class WebhookEndpoints
{
    public static void MapWebhooks(this IEndpointRouteBuilder api)
    {
        var webhooks = api.MapGroup("/webhooks").WithTags("Webhooks").Needs(ApiScopes.Admin);
        webhooks.MapGet("", ListAsync).WithSummary("All webhooks");
        webhooks.MapPost("", CreateAsync).WithMetadata(new Creates()).WithSummary("Add a webhook; the secret of its signatures is in the answer, this once");
        webhooks.MapPatch("/{webhook:long}", ChangeAsync).WithSummary("Pause a webhook, or let it go on");
        webhooks.MapDelete("/{webhook:long}", RemoveAsync).WithSummary("Remove a webhook");
        webhooks.MapPost("/{webhook:long}/ping", PingAsync).WithSummary("Send a ping, to see whether it arrives");
        webhooks.MapGet("/{webhook:long}/deliveries", DeliveriesAsync).WithSummary("Its messages, the newest first");
        webhooks.MapPost("/{webhook:long}/deliveries/{delivery:long}/send", SendAsync).WithSummary("Send a message once more");
    }

    private static async Task<Ok<Page<WebhookItem>>> ListAsync(ClaimsPrincipal user, WebhookOperations webhooks, CancellationToken cancellation) =>
        TypedResults.Ok(new Page<WebhookItem>([.. (await webhooks.ListAsync(CurrentPerson.From(user), cancellation)).Select(Of)], null));

    private static async Task<Created<MadeWebhook>> CreateAsync(ClaimsPrincipal user, Body<WebhookToAdd> body, WebhookOperations webhooks, CancellationToken cancellation)
    {
        var asked = body.Value;
        var made = await webhooks.CreateAsync(CurrentPerson.From(user), new(asked.Url, WebhookEventNames.Parse(asked.Events), asked.JudgmentsEvery, asked.Study), cancellation);
        return TypedResults.Created((string?)null, made);
    }

    private static async Task<Ok<WebhookItem>> ChangeAsync(ClaimsPrincipal user, long webhook, Body<WebhookChange> change, WebhookOperations webhooks, CancellationToken cancellation)
    {
        await FindAsync(user, webhook, webhooks, cancellation);
        await webhooks.SetPausedAsync(CurrentPerson.From(user), webhook, change.Value.IsPaused, cancellation);
        return TypedResults.Ok(await FindAsync(user, webhook, webhooks, cancellation));
    }

    private static async Task<NoContent> RemoveAsync(ClaimsPrincipal user, long webhook, WebhookOperations webhooks, CancellationToken cancellation)
    {
        await FindAsync(user, webhook, webhooks, cancellation);
        await webhooks.RemoveAsync(CurrentPerson.From(user), webhook, cancellation);
        return TypedResults.NoContent();
    }

    private static async Task<NoContent> PingAsync(ClaimsPrincipal user, long webhook, WebhookOperations webhooks, CancellationToken cancellation)
    {
        await FindAsync(user, webhook, webhooks, cancellation);
        await webhooks.PingAsync(CurrentPerson.From(user), webhook, cancellation);
        return TypedResults.NoContent();
    }

    private static async Task<Ok<Page<DeliveryRow>>> DeliveriesAsync(ClaimsPrincipal user, long webhook, [AsParameters] PageOf page, WebhookOperations webhooks, CancellationToken cancellation)
    {
        await FindAsync(user, webhook, webhooks, cancellation);
        return TypedResults.Ok(page.Of(await webhooks.DeliveriesAsync(CurrentPerson.From(user), webhook, page.After(), page.Size() + 1, cancellation), row => row.Id));
    }

    private static async Task<NoContent> SendAsync(ClaimsPrincipal user, long webhook, long delivery, WebhookOperations webhooks, CancellationToken cancellation)
    {
        var who = CurrentPerson.From(user);
        if ((await webhooks.DeliveriesAsync(who, webhook, delivery + 1, 1, cancellation)).All(d => d.Id != delivery))
        {
            throw ProblemException.NotFound($"There is no message {delivery} of webhook {webhook}.");
        }

        await webhooks.SendAgainAsync(who, delivery, cancellation);
        return TypedResults.NoContent();
    }

    private static async Task<WebhookItem> FindAsync(ClaimsPrincipal user, long webhook, WebhookOperations webhooks, CancellationToken cancellation) =>
        (await webhooks.ListAsync(CurrentPerson.From(user), cancellation)).FirstOrDefault(w => w.Id == webhook) is { } row ? Of(row) : throw ProblemException.NotFound($"There is no webhook {webhook}.");

    private static WebhookItem Of(WebhookRow row) => new(
        row.Id, row.Url, [.. WebhookEventNames.Of(row.Events)], row.JudgmentsEvery, row.StudyId, row.IsPaused, row.CreatedAt, row.Waiting, row.LastDeliveredAt);
}

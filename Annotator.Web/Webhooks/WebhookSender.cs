using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using Annotator.Web.Data;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Web.Webhooks;

/// <summary>
/// Sends what is queued, four at a time, each attempt bounded in time. Whatever is not taken with a 2xx is tried again after a
/// delay that grows, then given up. A message may arrive twice if the app ends at the wrong moment: its id tells.
/// </summary>
public sealed partial class WebhookSender(
    IDbContextFactory<AnnotatorDbContext> contexts, WriteGate gate, WebhookWatch watch, WebhookOperations webhooks, TimeProvider clock, ILogger<WebhookSender> logger) : BackgroundService
{
    /// <summary>From one attempt to the next; after the last one a message is given up.</summary>
    public static IReadOnlyList<TimeSpan> Delays { get; } =
    [
        TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(30), TimeSpan.FromMinutes(2), TimeSpan.FromMinutes(15), TimeSpan.FromHours(1), TimeSpan.FromHours(6), TimeSpan.FromHours(24),
    ];

    /// <summary>Messages kept of each webhook, those that are yet to be taken aside.</summary>
    public const int Kept = 200;

    private const int AtOnce = 4;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan LookEvery = TimeSpan.FromMinutes(1);

    // No redirects: the address that an admin gave is the one that is told. No cookies, and of an answer only its head.
    private readonly HttpClient http = new(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false, ConnectTimeout = TimeSpan.FromSeconds(5), MaxResponseHeadersLength = 16 })
    {
        Timeout = Patience,
    };

    public override void Dispose()
    {
        http.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            var wait = LookEvery;
            try
            {
                await SendDueAsync(stoppingToken);
                wait = await UntilNextAsync(stoppingToken);
            }
#pragma warning disable CA1031 // The loop must outlive one failure; the messages are still in the database.
            catch (Exception e) when (e is not OperationCanceledException)
#pragma warning restore CA1031
            {
                NotSent(logger, e);
            }

            await WaitAsync(wait, stoppingToken);
        }
    }

    /// <summary>Sends everything that is due.</summary>
    private async Task SendDueAsync(CancellationToken cancellation)
    {
        while (true)
        {
            List<WebhookDelivery> due;
            await using (var db = await contexts.CreateDbContextAsync(cancellation))
            {
                var now = Now;
                due = await db.WebhookDeliveries.AsNoTracking().Include(d => d.Webhook)
                    .Where(d => d.NextAttemptAt <= now && !d.Webhook!.IsPaused).OrderBy(d => d.NextAttemptAt).Take(AtOnce * 4).ToListAsync(cancellation);
            }

            if (due.Count == 0)
            {
                return;
            }

            await Parallel.ForEachAsync(due, new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = cancellation }, async (delivery, cancel) => await SendAsync(delivery, cancel));
        }
    }

    private DateTime Now => clock.GetUtcNow().UtcDateTime;

    private async Task SendAsync(WebhookDelivery delivery, CancellationToken cancellation)
    {
        int? status = null;
        string? failure = null;
        try
        {
            using var request = Request(delivery);
            using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellation);
            status = (int)response.StatusCode;
            failure = response.IsSuccessStatusCode ? null : $"The receiver answered {status}.";
        }
        catch (HttpRequestException e)
        {
            failure = $"The receiver could not be reached: {e.Message.Split('\n')[0].TrimEnd('.')}.";
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            failure = $"The receiver did not answer within {Patience.TotalSeconds:0} seconds.";
        }

        await KeepAsync(delivery, status, failure, cancellation);
    }

    private HttpRequestMessage Request(WebhookDelivery delivery)
    {
        var timestamp = clock.GetUtcNow().ToUnixTimeSeconds();
        var request = new HttpRequestMessage(HttpMethod.Post, delivery.Webhook!.Url) { Content = new StringContent(delivery.Body, Encoding.UTF8, MediaTypeHeaderValue.Parse("application/json")) };
        request.Headers.Add(WebhookSignature.IdHeader, delivery.MessageId);
        request.Headers.Add(WebhookSignature.TimestampHeader, timestamp.ToString(CultureInfo.InvariantCulture));
        request.Headers.Add(WebhookSignature.SignatureHeader, WebhookSignature.Of(webhooks.SecretOf(delivery.Webhook), delivery.MessageId, timestamp, delivery.Body));
        request.Headers.UserAgent.ParseAdd("Annotator");
        return request;
    }

    private async Task KeepAsync(WebhookDelivery sent, int? status, string? failure, CancellationToken cancellation)
    {
        var now = Now;
        using var turn = await gate.EnterAsync(cancellation);
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        // It may have been removed meanwhile, with its webhook.
        if (await db.WebhookDeliveries.SingleOrDefaultAsync(d => d.Id == sent.Id, cancellation) is not { } delivery)
        {
            return;
        }

        delivery.Attempts++;
        (delivery.Status, delivery.Failure) = (status, failure);
        delivery.DeliveredAt = failure is null ? now : delivery.DeliveredAt;
        delivery.NextAttemptAt = failure is null || delivery.Attempts > Delays.Count ? null : now + Delays[delivery.Attempts - 1];
        await db.SaveChangesAsync(cancellation);
        await db.WebhookDeliveries
            .Where(d => d.WebhookId == sent.WebhookId && d.NextAttemptAt == null
                && d.Id < db.WebhookDeliveries.Where(n => n.WebhookId == sent.WebhookId).OrderByDescending(n => n.Id).Skip(Kept - 1).Select(n => n.Id).FirstOrDefault())
            .ExecuteDeleteAsync(cancellation);
    }

    private async Task<TimeSpan> UntilNextAsync(CancellationToken cancellation)
    {
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        var next = await db.WebhookDeliveries.Where(d => d.NextAttemptAt != null && !d.Webhook!.IsPaused).MinAsync(d => d.NextAttemptAt, cancellation);
        return next is null || next - Now > LookEvery ? LookEvery : next.Value > Now ? next.Value - Now : TimeSpan.Zero;
    }

    /// <summary>Until something new is queued, or the time has come.</summary>
    private async Task WaitAsync(TimeSpan wait, CancellationToken cancellation)
    {
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        enough.CancelAfter(wait);
        try
        {
            await watch.Wakes.ReadAsync(enough.Token);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            // The time has come.
        }
    }

    [LoggerMessage(LogLevel.Error, "Webhooks could not be sent; it is tried again")]
    private static partial void NotSent(ILogger logger, Exception e);
}

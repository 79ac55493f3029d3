using System.Collections.Concurrent;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Annotator.Tests.Web.Webhooks;

/// <summary>A server that webhooks are sent to; answers as it is told.</summary>
internal sealed class Receiver : IAsyncDisposable
{
    private WebApplication? app;

    public sealed record Message(string Id, string Timestamp, string Signature, string Body);

    public ConcurrentQueue<Message> Messages { get; } = new();

    public HttpStatusCode Answer { get; set; } = HttpStatusCode.NoContent;

    public Uri Url => new($"{app!.Urls.First()}/hook");

    public static async Task<Receiver> StartAsync()
    {
        var receiver = new Receiver();
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        receiver.app = builder.Build();
        receiver.app.MapPost("/hook", async (HttpContext http) =>
        {
            using var reader = new StreamReader(http.Request.Body);
            receiver.Messages.Enqueue(new(http.Request.Headers["webhook-id"]!, http.Request.Headers["webhook-timestamp"]!, http.Request.Headers["webhook-signature"]!, await reader.ReadToEndAsync()));
            return Results.StatusCode((int)receiver.Answer);
        });
        await receiver.app.StartAsync();
        return receiver;
    }

    public async ValueTask DisposeAsync()
    {
        await app!.StopAsync();
        await app.DisposeAsync();
    }
}

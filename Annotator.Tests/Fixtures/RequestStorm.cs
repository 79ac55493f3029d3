using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;

namespace Annotator.Tests.Fixtures;

/// <summary>
/// Clients of every kind at once, the same ones for the same seed: some wait for their answer, some read a stream to its
/// end, some leave before or in the middle of it, some hang up without a word.
/// </summary>
/// <param name="server">Its address.</param>
/// <param name="policy">Whom they ask.</param>
/// <param name="seed">Of what they do.</param>
public sealed class RequestStorm(Uri server, string policy, int seed)
{
    private const int AtOnce = 24;

    private static readonly string[] Kinds = ["whole", "stream", "cancelled", "left", "hung up"];

    private int _answered;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>Requests that got their whole answer (or were told to come back later).</summary>
    public int Answered => _answered;

    /// <summary>Sends so many requests, at most two dozen at a time, and waits until the last client is gone.</summary>
    public async Task BlowAsync(int requests)
    {
        using var client = new HttpClient { BaseAddress = server };
        await Parallel.ForEachAsync(Enumerable.Range(0, requests), new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = Cancellation },
            async (i, _) => await AskAsync(client, new Random((100_000 * seed) + i)));
    }

    private async Task AskAsync(HttpClient client, Random random)
    {
        var kind = Kinds[random.Next(Kinds.Length)];
        var stream = kind is not "whole" && (kind is not "cancelled" || random.Next(2) == 0) ? "true" : "false";
        var body = $$"""{"model":"{{policy}}","prompt":[{{string.Join(',', Enumerable.Range(0, random.Next(1, 30)).Select(_ => random.Next(32, 127)))}}],"n":{{random.Next(1, 4)}},"max_tokens":{{random.Next(1, 30)}},"stream":{{stream}},"seed":1}""";
        if (kind == "hung up")
        {
            await HangUpAsync(body, random);
            return;
        }

        using var leave = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        if (kind == "cancelled")
            leave.CancelAfter(random.Next(1, 60));
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, "v1/completions")
            {
                Content = new StringContent(body, Encoding.UTF8, MediaTypeHeaderValue.Parse("application/json")),
            };
            using var answer = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, leave.Token);
            ((int)answer.StatusCode).ShouldBeOneOf(200, 429);
            using var text = new StreamReader(await answer.Content.ReadAsStreamAsync(leave.Token));
            for (var events = random.Next(1, 10); kind != "left" || events > 0; events--)
            {
                if (await text.ReadLineAsync(leave.Token) is null)
                {
                    Interlocked.Increment(ref _answered);
                    return;
                }
            }
        }
        catch (OperationCanceledException) when (kind == "cancelled" && !Cancellation.IsCancellationRequested)
        {
            // As it meant to.
        }
    }

    /// <summary>A connection that ends by a reset, some bytes into the request or the answer.</summary>
    private async Task HangUpAsync(string body, Random random)
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { LingerState = new LingerOption(enable: true, seconds: 0) };
        await socket.ConnectAsync(server.Host, server.Port, Cancellation);
        var request = Encoding.ASCII.GetBytes($"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {body.Length}\r\n\r\n{body}");
        var sent = random.Next(3) == 0 ? random.Next(1, request.Length) : request.Length;
        await socket.SendAsync(request.AsMemory(0, sent), Cancellation);
        if (sent == request.Length)
            await socket.ReceiveAsync(new byte[random.Next(1, 400)], Cancellation);
    }
}

using System.Text.RegularExpressions;
using Annotator.Tests.Fixtures;
using Microsoft.Playwright;

namespace Annotator.Tests.Browser;

/// <summary>A page's connection to the server, to be cut in the middle, or to go silent as a network does that is gone.</summary>
internal sealed class Wire
{
    private readonly Lock gate = new();
    private readonly Queue<Action> held = [];
    private IWebSocketRoute? open;
    private bool isCut, isSilent;

    /// <summary>Lies between the page and the server from its next connection on.</summary>
    public static async Task<Wire> OfAsync(TestPage page)
    {
        var wire = new Wire();
        // SignalR falls back to plain requests where its socket does not open: a network that is gone takes those as well.
        await page.Page.RouteAsync(new Regex("/_blazor"), route => wire.isCut ? route.AbortAsync() : route.ContinueAsync());
        await page.Page.RouteWebSocketAsync(new Regex("/_blazor"), route =>
        {
            if (wire.isCut)
            {
                _ = route.CloseAsync();
                return;
            }

            wire.open = route;
            var server = route.ConnectToServer();
            route.OnMessage(frame => wire.Pass(() => Send(server, frame)));
            server.OnMessage(frame => wire.Pass(() => Send(route, frame)));
        });
        return wire;
    }

    public async Task CutAsync()
    {
        isCut = true;
        await open!.CloseAsync();
    }

    public void Mend() => isCut = false;

    /// <summary>Nothing comes through, and neither side is told.</summary>
    public void FallSilent()
    {
        lock (gate)
        {
            isSilent = true;
        }
    }

    /// <summary>What was held up arrives, in its order.</summary>
    public void Speak()
    {
        lock (gate)
        {
            isSilent = false;
            while (held.TryDequeue(out var send))
            {
                send();
            }
        }
    }

    /// <summary>What was held up never arrives; what is sent from here on does.</summary>
    public void Lose()
    {
        lock (gate)
        {
            isSilent = false;
            held.Clear();
        }
    }

    private void Pass(Action send)
    {
        lock (gate)
        {
            if (isSilent)
            {
                held.Enqueue(send);
            }
            else
            {
                send();
            }
        }
    }

    private static void Send(IWebSocketRoute to, IWebSocketFrame frame)
    {
        if (frame.Binary is { } bytes)
        {
            to.Send(bytes);
        }
        else
        {
            to.Send(frame.Text!);
        }
    }
}

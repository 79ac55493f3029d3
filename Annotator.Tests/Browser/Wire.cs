using System.Text.RegularExpressions;
using Annotator.Tests.Fixtures;
using Microsoft.Playwright;

namespace Annotator.Tests.Browser;

/// <summary>A page's connection to the server, to be cut in the middle.</summary>
internal sealed class Wire
{
    private IWebSocketRoute? open;
    private bool isCut;

    /// <summary>Lies between the page and the server from its next connection on.</summary>
    public static async Task<Wire> OfAsync(TestPage page)
    {
        var wire = new Wire();
        await page.Page.RouteWebSocketAsync(new Regex("/_blazor"), route =>
        {
            if (wire.isCut)
            {
                _ = route.CloseAsync();
                return;
            }

            wire.open = route;
            route.ConnectToServer();
        });
        return wire;
    }

    public async Task CutAsync()
    {
        isCut = true;
        await open!.CloseAsync();
    }

    public void Mend() => isCut = false;
}

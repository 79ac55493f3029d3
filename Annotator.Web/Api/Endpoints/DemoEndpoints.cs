using System.Security.Claims;
using Annotator.Web.Data;
using Annotator.Web.Demo;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Annotator.Web.Api.Endpoints;

/// <summary>The demo that was started.</summary>
public sealed record StartedDemo(long Study);

internal static class DemoEndpoints
{
    public static void MapDemo(this IEndpointRouteBuilder api)
    {
        var demo = api.MapGroup("/demo").WithTags("Demo").Needs(ApiScopes.Write);
        demo.MapGet("", State).WithSummary("How far the simulated annotators are");
        demo.MapPost("/start", StartAsync).WithSummary("Set simulated annotators to work on the demo study, which is made first if there is none");
        demo.MapPost("/stop", StopAsync).WithSummary("End the demo; what was judged stays");
    }

    private static Ok<DemoState> State(DemoOperations demo) => TypedResults.Ok(demo.State);

    private static async Task<Ok<StartedDemo>> StartAsync(ClaimsPrincipal user, DemoOperations demo, CancellationToken cancellation) =>
        TypedResults.Ok(new StartedDemo(await demo.StartAsync(CurrentPerson.From(user), cancellation)));

    private static async Task<NoContent> StopAsync(ClaimsPrincipal user, DemoOperations demo, CancellationToken cancellation)
    {
        await demo.StopAsync(CurrentPerson.From(user), cancellation);
        return TypedResults.NoContent();
    }
}

using Annotator.Web.Data;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Annotator.Web.Policies;

/// <summary>The registry, the line of policies, and a policy's download.</summary>
public static class PoliciesSetup
{
    public static void AddPolicies(this WebApplicationBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.TryAddSingleton<WriteGate>();
        builder.Services.AddSingleton<PolicyRegistry>();
        builder.Services.AddSingleton<PolicyLine>();
        builder.Services.AddSingleton<PolicyUpload>();
        builder.Services.AddSingleton<PolicyOperations>();
        builder.Services.AddTransient<PolicyExplorer>();
    }

    /// <summary><c>GET /api/policies/{hash}.zip</c>, for admins and viewers: the Hugging Face directory, streamed.</summary>
    public static void MapPolicies(this WebApplication app)
    {
        ArgumentNullException.ThrowIfNull(app);
        app.MapGet("/api/policies/{hash:regex(^[0-9a-f]{{64}}$)}.zip", Download)
            .RequireAuthorization(new AuthorizeAttribute { Roles = Roles.Viewers });
    }

    private static IResult Download(HttpContext context, string hash, PolicyRegistry registry)
    {
        if (!registry.Contains(hash))
        {
            return Results.NotFound();
        }

        // The end of each compressed file in a zip is written synchronously, whatever one does; it is a few bytes.
        context.Features.GetRequiredFeature<IHttpBodyControlFeature>().AllowSynchronousIO = true;
        return Results.Stream(output => registry.WriteZipAsync(hash, output, context.RequestAborted), "application/zip", $"policy-{hash[..12]}.zip");
    }
}

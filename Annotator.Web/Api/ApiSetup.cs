using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Threading.RateLimiting;
using Annotator.Web.Api.Endpoints;
using Annotator.Web.Api.Keys;
using Annotator.Web.Data;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Identity;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.RateLimiting;

namespace Annotator.Web.Api;

/// <summary>
/// The REST API under <see cref="Root"/>: what the pages do, for programs with a key. Names are snake_case as in the
/// datasets; every error is a problem (RFC 9457).
/// </summary>
public static class ApiSetup
{
    public const string Root = "/api/v1";

    /// <summary>The largest JSON body.</summary>
    public const long LargestBody = 1024 * 1024;

    private const string RateLimit = "api";
    private const string ByRequest = "by-request";

    public static void AddApi(this WebApplicationBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        var configured = builder.Configuration["Api:RequestsPerMinute"] ?? "1200";
        if (!int.TryParse(configured, CultureInfo.InvariantCulture, out var perMinute) || perMinute < 1)
        {
            throw new StartupException($"Api:RequestsPerMinute must be a whole number, at least 1; it is {configured}.");
        }

        builder.Services.AddSingleton<ApiKeyOperations>();
        builder.Services.AddSingleton<Idempotency>();
        builder.Services.AddSingleton<LiveStillValid>();
        builder.Services.AddHostedService(services => services.GetRequiredService<LiveStillValid>());
        builder.Services.ConfigureHttpJsonOptions(json =>
        {
            json.SerializerOptions.PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower;
            json.SerializerOptions.DictionaryKeyPolicy = null;
            json.SerializerOptions.UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow;
            json.SerializerOptions.NumberHandling = JsonNumberHandling.Strict;
            json.SerializerOptions.RespectNullableAnnotations = true;
            json.SerializerOptions.RespectRequiredConstructorParameters = true;
            json.SerializerOptions.Converters.Add(new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false));
        });

        // A page goes by the cookie, the API by a key alone, the hub by either: no request is both.
        builder.Services.AddAuthentication(authentication =>
            {
                authentication.DefaultAuthenticateScheme = ByRequest;
                authentication.DefaultChallengeScheme = ByRequest;
                authentication.DefaultForbidScheme = ByRequest;
            })
            .AddScheme<AuthenticationSchemeOptions, ApiKeyAuthentication>(ApiKeyAuthentication.Scheme, null)
            .AddPolicyScheme(ByRequest, null, scheme => scheme.ForwardDefaultSelector =
                context => ApiKeyAuthentication.IsFor(context.Request) ? ApiKeyAuthentication.Scheme : IdentityConstants.ApplicationScheme);

        builder.Services.Configure<RateLimiterOptions>(limiter =>
        {
            limiter.AddPolicy(RateLimit, context => RateLimitPartition.GetTokenBucketLimiter(
                context.User.FindFirst(ApiKeyAuthentication.KeyClaim)?.Value ?? context.Connection.RemoteIpAddress?.ToString() ?? "",
                _ => new TokenBucketRateLimiterOptions
                {
                    // A second's worth at a time, so that whoever has to wait waits for a moment.
                    TokenLimit = perMinute, TokensPerPeriod = Math.Max(1, perMinute / 60),
                    ReplenishmentPeriod = TimeSpan.FromMinutes(1.0 / perMinute * Math.Max(1, perMinute / 60)), QueueLimit = 0,
                }));
            limiter.OnRejected = (context, _) =>
            {
                if (context.Lease.TryGetMetadata(MetadataName.RetryAfter, out var wait))
                {
                    context.HttpContext.Response.Headers.RetryAfter = Math.Ceiling(wait.TotalSeconds).ToString(CultureInfo.InvariantCulture);
                }

                return ValueTask.CompletedTask;
            };
        });

        builder.Services.AddOpenApi("v1", ApiDocument.Configure);
    }

    /// <summary>Before anything can fail: says what went wrong as a problem.</summary>
    public static void UseApiProblems(this WebApplication app)
    {
        ArgumentNullException.ThrowIfNull(app);
        app.UseWhen(context => context.Request.Path.StartsWithSegments(Root), api => api.UseMiddleware<Problems>());
    }

    /// <summary>After it is known who asks.</summary>
    public static void UseApi(this WebApplication app)
    {
        ArgumentNullException.ThrowIfNull(app);
        app.UseMiddleware<IdempotentCreations>();
    }

    public static void MapApi(this WebApplication app)
    {
        ArgumentNullException.ThrowIfNull(app);
        app.MapOpenApi("/openapi/{documentName}.json").AllowAnonymous();
        app.MapReference();
        var api = app.MapGroup(Root)
            .RequireRateLimiting(RateLimit)
            .WithMetadata(new RequestSizeLimitAttribute(LargestBody), new InTheDocument());
        api.MapStudies();
        api.MapPrompts();
        api.MapComparisons();
        api.MapJudging();
        api.MapBrowsing();
        api.MapGold();
        api.MapWork();
        api.MapRounds();
        api.MapPolicies();
        api.MapExplorer();
        api.MapRegistry();
        api.MapEvaluation();
        api.MapDataset();
        api.MapDemo();
        api.MapPeople();
        api.MapKeys();
        api.MapAuditLog();
        api.MapWebhooks();
        api.MapHousekeeping();
    }
}

/// <summary>Marks the endpoints that the OpenAPI document describes.</summary>
internal sealed class InTheDocument;

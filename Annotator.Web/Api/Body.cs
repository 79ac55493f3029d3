using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Annotator.Model.Preferences;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.Extensions.Options;

namespace Annotator.Web.Api;

#pragma warning disable CA1000 // The framework looks for these static members on the parameter's type.

/// <summary>A JSON body, read strictly: a property that is not known is refused by name, not passed over.</summary>
public sealed record Body<T>(T Value) : IEndpointParameterMetadataProvider
{
    public static async ValueTask<Body<T>?> BindAsync(HttpContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        return new(await JsonBody.ReadAsync<T>(context));
    }

    public static void PopulateMetadata(ParameterInfo parameter, EndpointBuilder builder) => JsonBody.Describe<T>(builder);
}

/// <summary>Changes to something: a JSON merge patch (RFC 7396), the properties to change with their new values.</summary>
public sealed record Patch<T>(JsonObject Changes, JsonSerializerOptions Json) : IEndpointParameterMetadataProvider
{
    /// <summary>The value with the changes made.</summary>
    /// <exception cref="ProblemException">A property is unknown, or its value of the wrong kind.</exception>
    public T Apply(T value)
    {
        var whole = JsonSerializer.SerializeToNode(value, Json)!.AsObject();
        Merge(whole, Changes);
        try
        {
            return whole.Deserialize<T>(Json)!;
        }
        catch (JsonException e)
        {
            throw ProblemException.BadRequest(JsonBody.Reason(e), e);
        }
    }

    public static async ValueTask<Patch<T>?> BindAsync(HttpContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        return new(await JsonBody.ReadAsync<JsonObject>(context), JsonBody.Options(context));
    }

    public static void PopulateMetadata(ParameterInfo parameter, EndpointBuilder builder) => JsonBody.Describe<T>(builder);

    private static void Merge(JsonObject target, JsonObject changes)
    {
        foreach (var (name, change) in changes)
        {
            if (change is JsonObject inner && target[name] is JsonObject nested)
            {
                Merge(nested, inner);
            }
            else
            {
                target[name] = change?.DeepClone();
            }
        }
    }
}

#pragma warning restore CA1000

internal static partial class JsonBody
{
    public static JsonSerializerOptions Options(HttpContext context) =>
        context.RequestServices.GetRequiredService<IOptions<Microsoft.AspNetCore.Http.Json.JsonOptions>>().Value.SerializerOptions;

    public static async ValueTask<T> ReadAsync<T>(HttpContext context)
    {
        try
        {
            return await JsonSerializer.DeserializeAsync<T>(context.Request.Body, Options(context), context.RequestAborted)
                ?? throw ProblemException.BadRequest("The body must be a JSON object; it is null.");
        }
        catch (JsonException e)
        {
            throw ProblemException.BadRequest(Reason(e), e);
        }
    }

    /// <summary>The first sentence of what the reader says, and where.</summary>
    public static string Reason(JsonException e)
    {
        var reason = JsonLines.Reason(e).TrimEnd('.');
        var unknown = Unknown().Match(reason);
        return unknown.Success ? $"The body can't be read: there is no property {unknown.Groups[1].Value} here." : $"The body can't be read: {DotNetType().Replace(reason, "")}.";
    }

    [GeneratedRegex(@"The JSON property '([^']+)' could not be mapped")]
    private static partial Regex Unknown();

    /// <summary>What the reader says of types is for the app's authors.</summary>
    [GeneratedRegex(@" (to|for type|on type|of type) '?(System|Annotator)\.[^ ]+")]
    private static partial Regex DotNetType();

    public static void Describe<T>(EndpointBuilder builder) => builder.Metadata.Add(new AcceptsMetadata(["application/json"], typeof(T)));
}

using System.Text.Json.Nodes;
using Annotator.Model.Preferences;
using Annotator.Web.Api.Endpoints;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace Annotator.Web.Api;

/// <summary>The OpenAPI document at <c>/openapi/v1.json</c>: what the endpoints say of themselves, and what holds for all of them.</summary>
internal static class ApiDocument
{
    private const string Description = """
        What the studio's pages do, for programs. Names are snake_case, times are UTC.

        **Keys.** An admin makes them under Administration, with scopes (`read`, `judge`, `write`, `admin`) and an end. Send one as
        `Authorization: Bearer KEY`. It acts as the person who made it, with its scopes at most.

        **Errors** are `application/problem+json` with a `detail` for people: 400 malformed, 401 no valid key, 403 wrong scope or person,
        404 not there, 409 in conflict, 413 too large, 422 refused as it stands, 429 too many requests (`Retry-After` says how long to wait).

        **Lists** have `items` and `next`; send `next` as `cursor` for the page after.

        **Creations** take an `Idempotency-Key`: for 24 hours, the same request with the same key is answered as the first was, and makes nothing.
        Files that are imported take none: what is there already is left out of a second import, or it is refused.

        **Viewers' keys** read what the scope `read` opens, with people under pseudonyms; everything else is for admins.

        **On pages alone**: making keys, so that one that leaks makes no others; restoring a backup, which replaces people and keys too
        (`Annotator.Web restore` does it by hand); signing in, passwords and the tour, which are a person's own.

        **Live.** The SignalR hub at `/hubs/live` tells what happens as it happens: see [its reference](/administration/api/live). Webhooks tell it to
        a server of yours.
        """;

    private static readonly (int Status, string Description)[] Errors =
    [
        (400, "Malformed"), (401, "No valid key"), (403, "Wrong scope, or not for this person"), (404, "Not there"), (422, "Refused as it stands"), (429, "Too many requests"),
    ];

    public static void Configure(OpenApiOptions options)
    {
        options.ShouldInclude = endpoint => endpoint.ActionDescriptor.EndpointMetadata.OfType<InTheDocument>().Any();
        options.AddDocumentTransformer((document, _, _) =>
        {
            document.Info = new() { Title = "Annotator", Version = "v1", Description = Description };
            document.Servers = null;
            document.Components ??= new();
            document.Components.SecuritySchemes = new Dictionary<string, IOpenApiSecurityScheme>
            {
                ["key"] = new OpenApiSecurityScheme { Type = SecuritySchemeType.Http, Scheme = "bearer", Description = "An API key, made under Administration." },
            };
            return Task.CompletedTask;
        });
        options.CreateSchemaReferenceId = info => NamesOf(info.Type) is null ? OpenApiOptions.CreateDefaultSchemaReferenceId(info) : null;
        options.AddSchemaTransformer((schema, context, _) =>
        {
            // It spells itself in JSON.
            if (context.JsonTypeInfo.Type == typeof(Ranking))
            {
                schema.Type = JsonSchemaType.Array;
                schema.Description = "Tiers of places, best first: [[1],[0]]; a tie is one tier of several.";
                schema.Items = new OpenApiSchema { Type = JsonSchemaType.Array, Items = new OpenApiSchema { Type = JsonSchemaType.Integer } };
            }

            return Task.CompletedTask;
        });
        options.AddOperationTransformer((operation, context, _) =>
        {
            var metadata = context.Description.ActionDescriptor.EndpointMetadata;
            if (metadata.OfType<NeedsScope>().LastOrDefault() is { } needs)
            {
                operation.Description = $"Needs the scope `{Scope.Name(needs.Scope)}`.";
                operation.Security = [new() { [new OpenApiSecuritySchemeReference("key", context.Document)] = [] }];
            }

            foreach (var described in context.Description.ParameterDescriptions)
            {
                if (NamesOf(described.ParameterDescriptor?.ParameterType ?? described.Type) is { } names
                    && operation.Parameters?.OfType<OpenApiParameter>().FirstOrDefault(one => one.Name == described.Name) is { } parameter)
                {
                    parameter.Schema = new OpenApiSchema { Type = JsonSchemaType.String, Enum = [.. names.Select(name => JsonValue.Create(name))] };
                }
            }

            if (metadata.OfType<Creates>().Any())
            {
                operation.Parameters ??= [];
                operation.Parameters.Add(new OpenApiParameter
                {
                    Name = IdempotentCreations.Header, In = ParameterLocation.Header, Description = "Sent twice, made once.", Schema = new OpenApiSchema { Type = JsonSchemaType.String, MaxLength = 255 },
                });
            }

            if (metadata.OfType<TakesAFile>().Any())
            {
                operation.RequestBody = new OpenApiRequestBody
                {
                    Required = true,
                    Content = new Dictionary<string, OpenApiMediaType>
                    {
                        ["application/octet-stream"] = new OpenApiMediaType { Schema = new OpenApiSchema { Type = JsonSchemaType.String, Format = "binary" } },
                    },
                };
            }

            operation.Responses ??= [];
            foreach (var (status, description) in Errors)
            {
                operation.Responses.TryAdd($"{status}", new OpenApiResponse { Description = description });
            }

            return Task.CompletedTask;
        });
    }

    /// <summary>What a <see cref="Choice{T}"/> can be; null of any other type.</summary>
    private static IReadOnlyList<string>? NamesOf(Type type) =>
        (Nullable.GetUnderlyingType(type) ?? type) is { IsGenericType: true } choice && choice.GetGenericTypeDefinition() == typeof(Choice<>)
            ? (IReadOnlyList<string>)choice.GetProperty(nameof(Choice<DayOfWeek>.Names))!.GetValue(null)!
            : null;
}

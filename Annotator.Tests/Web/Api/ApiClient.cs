using System.Net.Http.Headers;
using System.Text.Json.Nodes;
using Annotator.Tests.Fixtures;
using Annotator.Web.Api.Keys;
using Annotator.Web.Data;
using Microsoft.Extensions.DependencyInjection;

namespace Annotator.Tests.Web.Api;

/// <summary>Programs with keys.</summary>
internal static class ApiClient
{
    public const ApiScopes Everything = ApiScopes.Read | ApiScopes.Judge | ApiScopes.Write | ApiScopes.Admin;

    /// <summary>A client with a fresh key of the person's; also of somebody who could not make one on the page.</summary>
    public static async Task<HttpClient> KeyOfAsync(this WebApp app, TestPerson person, ApiScopes scopes = Everything)
    {
        // Made by an admin's hand, then somebody else's: only a person's own roles count when it is used.
        var made = await app.Services.GetRequiredService<ApiKeyOperations>().CreateAsync(person.Current with { IsAdmin = true }, "a test", scopes, null);
        return app.WithKey(made.Key);
    }

    public static HttpClient WithKey(this WebApp app, string key)
    {
        var client = app.CreateClient();
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
        client.DefaultRequestHeaders.ExpectContinue = true;
        return client;
    }

    /// <summary>Sends JSON, snake_case as it is written.</summary>
    public static async Task<(HttpResponseMessage Response, JsonNode? Json)> SendAsync(
        this HttpClient client, HttpMethod method, string path, string? json = null, string? idempotencyKey = null)
    {
        var cancellation = TestContext.Current.CancellationToken;
        using var request = new HttpRequestMessage(method, path);
        if (json is not null)
        {
            request.Content = new StringContent(json, MediaTypeHeaderValue.Parse("application/json"));
        }

        if (idempotencyKey is not null)
        {
            request.Headers.Add("Idempotency-Key", idempotencyKey);
        }

        var response = await client.SendAsync(request, cancellation);
        var body = await response.Content.ReadAsStringAsync(cancellation);
        return (response, body.StartsWith('{') ? JsonNode.Parse(body) : null);
    }

    public static Task<(HttpResponseMessage Response, JsonNode? Json)> GetJsonAsync(this HttpClient client, string path) => client.SendAsync(HttpMethod.Get, path);

    public static Task<(HttpResponseMessage Response, JsonNode? Json)> PostJsonAsync(this HttpClient client, string path, string json = "{}", string? idempotencyKey = null) =>
        client.SendAsync(HttpMethod.Post, path, json, idempotencyKey);

    /// <summary>That an answer is a problem with a sentence for people.</summary>
    public static void ShouldBeProblem(this (HttpResponseMessage Response, JsonNode? Json) answer, int status, string? about = null)
    {
        var what = $"{answer.Response.RequestMessage!.Method} {answer.Response.RequestMessage.RequestUri!.PathAndQuery}: {answer.Json?.ToJsonString()}";
        ((int)answer.Response.StatusCode).ShouldBe(status, what);
        answer.Response.Content.Headers.ContentType?.MediaType.ShouldBe("application/problem+json", what);
        answer.Json!["status"]!.GetValue<int>().ShouldBe(status, what);
        answer.Json["detail"]!.GetValue<string>().ShouldNotBeNullOrWhiteSpace(what);
        answer.Json["detail"]!.GetValue<string>().ShouldNotContain("Annotator.Web", Case.Sensitive, what);
        if (about is not null)
        {
            answer.Json["detail"]!.GetValue<string>().ShouldContain(about);
        }
    }
}

using System.Net;
using System.Net.Http.Headers;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Annotator.Tests.Fixtures;
using Annotator.Web.Api;
using Annotator.Web.Data;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Annotator.Tests.Web.Api;

/// <summary>What holds for every endpoint, taken from the app itself, so that a new one can't be forgotten.</summary>
public sealed partial class EveryEndpointTests(WebApp app) : IClassFixture<WebApp>
{
    private static readonly CancellationToken Cancellation = TestContext.Current.CancellationToken;

    private sealed record Endpoint(HttpMethod Method, string Path, ApiScopes Scope, bool TakesJson, bool TakesAFile, long Largest)
    {
        public override string ToString() => $"{Method} {Path}";
    }

    private IEnumerable<RouteEndpoint> Routes =>
        app.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>().Where(endpoint => Path(endpoint).StartsWith(ApiSetup.Root, StringComparison.Ordinal));

    /// <summary>Every endpoint of the API, with a 1 for each id in its path.</summary>
    private IReadOnlyList<Endpoint> Endpoints =>
    [
        .. Routes
            .SelectMany(endpoint => endpoint.Metadata.GetRequiredMetadata<HttpMethodMetadata>().HttpMethods.Select(method => new Endpoint(
                new(method), Place().Replace(Path(endpoint), place => place.Groups["name"].Value switch { "ending" => "csv", "name" => "trl.jsonl", _ => "1" }),
                endpoint.Metadata.GetMetadata<NeedsScope>()?.Scope ?? ApiScopes.None,
                endpoint.Metadata.GetMetadata<IAcceptsMetadata>() is not null, IsForFiles(endpoint), endpoint.Metadata.GetRequiredMetadata<IRequestSizeLimitMetadata>().MaxRequestBodySize!.Value))),
    ];

    [Fact]
    public void Every_endpoint_names_one_scope_and_lets_nobody_in_without_a_key()
    {
        Endpoints.Count.ShouldBeGreaterThan(90);
        Endpoints.Where(endpoint => !Scope.All.Contains(endpoint.Scope)).ShouldBeEmpty();
        Routes.Where(endpoint => endpoint.Metadata.GetMetadata<IAllowAnonymous>() is not null || endpoint.Metadata.GetMetadata<AuthorizationPolicy>() is null).ShouldBeEmpty();
    }

    [Fact]
    public async Task Without_a_key_or_with_a_wrong_one_nothing_is_answered()
    {
        using var nobody = app.CreateClient();
        using var wrong = app.WithKey("ann_nobody-knows-this-one");
        // A page's cookie opens no API: what a browser sends by itself must not act.
        using var cookie = await app.SignInAsync(await app.CreateAdminAsync("cookie"));
        foreach (var endpoint in Endpoints)
        {
            foreach (var client in new[] { nobody, wrong, cookie })
            {
                var answer = await SendAsync(client, endpoint);
                answer.ShouldBeProblem(401, "Bearer");
                answer.Response.Headers.WwwAuthenticate.Single().Scheme.ShouldBe("Bearer");
            }
        }
    }

    [Fact]
    public async Task A_key_opens_only_what_its_scopes_name()
    {
        var admin = await app.CreateAdminAsync("scopes");
        foreach (var scope in Scope.All)
        {
            using var client = await app.KeyOfAsync(admin, ApiClient.Everything & ~scope);
            foreach (var endpoint in Endpoints.Where(endpoint => endpoint.Scope == scope))
            {
                (await SendAsync(client, endpoint)).ShouldBeProblem(403);
            }
        }
    }

    [Fact]
    public async Task An_annotators_key_opens_the_desk_and_nothing_of_the_admins()
    {
        using var client = await app.KeyOfAsync(await app.CreateAnnotatorAsync("annotates"));
        foreach (var endpoint in Endpoints.Where(endpoint => endpoint.Scope != ApiScopes.Judge))
        {
            (await SendAsync(client, endpoint)).ShouldBeProblem(403);
        }

        (await client.PostJsonAsync("/api/v1/studies/1/next")).Response.StatusCode.ShouldBe(HttpStatusCode.NoContent);
    }

    [Fact]
    public async Task A_viewers_key_reads_and_changes_nothing()
    {
        var viewer = await app.CreateViewerAsync("views");
        using var client = await app.KeyOfAsync(viewer);
        foreach (var endpoint in Endpoints.Where(endpoint => endpoint.Scope != ApiScopes.Read))
        {
            (await SendAsync(client, endpoint)).ShouldBeProblem(403);
        }

        // What is read with the scope `read` is for viewers too; what only admins see asks for another one.
        foreach (var endpoint in Endpoints.Where(endpoint => endpoint.Scope == ApiScopes.Read))
        {
            (await SendAsync(client, endpoint)).Response.StatusCode.ShouldBeOneOf(HttpStatusCode.OK, HttpStatusCode.NotFound);
        }

        (await client.GetJsonAsync("/api/v1/studies/1/rounds")).Response.StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    [Fact]
    public void Every_creation_takes_an_idempotency_key()
    {
        // A file is known by what is in it: what is there already is left out of a second import, or it is refused.
        Routes.Where(endpoint => endpoint.Metadata.OfType<IProducesResponseTypeMetadata>().Any(answer => answer.StatusCode == StatusCodes.Status201Created))
            .Where(endpoint => endpoint.Metadata.GetMetadata<Creates>() is null && !IsForFiles(endpoint))
            .Select(endpoint => endpoint.DisplayName).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_malformed_body_is_refused_before_anything_is_done()
    {
        using var client = await app.KeyOfAsync(await app.CreateAdminAsync("malformed"));
        var entries = await CountAuditAsync();
        foreach (var endpoint in Endpoints.Where(endpoint => endpoint.TakesJson))
        {
            foreach (var malformed in new[] { "{\"unfinished\": ", "[1, 2]", "null", "{\"no_such_property\": 1}", "\"text\"", "" })
            {
                (await client.SendAsync(endpoint.Method, endpoint.Path, malformed)).ShouldBeProblem(400);
            }

            using var text = new HttpRequestMessage(endpoint.Method, endpoint.Path) { Content = new StringContent("a=1", MediaTypeHeaderValue.Parse("application/x-www-form-urlencoded")) };
            (await client.SendAsync(text, Cancellation)).StatusCode.ShouldBe(HttpStatusCode.UnsupportedMediaType);
        }

        (await CountAuditAsync()).ShouldBe(entries);
    }

    [Fact]
    public async Task A_body_that_is_too_large_is_refused_unread()
    {
        using var client = await app.KeyOfAsync(await app.CreateAdminAsync("large"));
        var large = $"{{\"name\": \"{new string('x', (int)ApiSetup.LargestBody)}\"}}";
        foreach (var endpoint in Endpoints.Where(endpoint => endpoint.TakesJson))
        {
            (await client.SendAsync(endpoint.Method, endpoint.Path, large)).ShouldBeProblem(413);
        }

        foreach (var endpoint in Endpoints.Where(endpoint => endpoint.TakesAFile))
        {
            using var request = new HttpRequestMessage(endpoint.Method, $"{endpoint.Path}?name=large.jsonl") { Content = new EndlessContent(endpoint.Largest + 1) };
            request.Headers.ExpectContinue = true;
            (await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Cancellation)).StatusCode.ShouldBe(HttpStatusCode.RequestEntityTooLarge);
        }
    }

    [Fact]
    public async Task What_is_not_there_is_a_problem_too()
    {
        using var client = await app.KeyOfAsync(await app.CreateAdminAsync("nowhere"));
        (await client.GetJsonAsync("/api/v1/nothing/here")).ShouldBeProblem(404);
        (await client.SendAsync(HttpMethod.Put, "/api/v1/studies")).ShouldBeProblem(405);
        foreach (var endpoint in Endpoints.Where(endpoint => endpoint.Path.Contains("/studies/1/", StringComparison.Ordinal) && endpoint.Method == HttpMethod.Get))
        {
            (await client.GetJsonAsync(endpoint.Path.Replace("/studies/1/", "/studies/4711/", StringComparison.Ordinal))).ShouldBeProblem(404, "4711");
        }
    }

    [Fact]
    public async Task The_document_describes_every_endpoint_with_its_scope()
    {
        using var client = app.CreateClient();
        var paths = JsonNode.Parse(await client.GetStringAsync("/openapi/v1.json", Cancellation))!["paths"]!.AsObject();
        var described = paths.SelectMany(path => path.Value!.AsObject().Select(operation => (Path: path.Key, Method: operation.Key, Operation: operation.Value!))).ToList();

        described.Count.ShouldBe(Endpoints.Count);
        described.Where(one => one.Operation["summary"] is null || one.Operation["security"] is null || !one.Operation["description"]!.GetValue<string>().StartsWith("Needs the scope `", StringComparison.Ordinal))
            .Select(one => $"{one.Method} {one.Path}").ShouldBeEmpty();
        described.Where(one => Endpoints.Any(endpoint => endpoint.TakesJson && endpoint.Method.Method.Equals(one.Method, StringComparison.OrdinalIgnoreCase) && Same(endpoint.Path, one.Path)) && one.Operation["requestBody"] is null)
            .Select(one => $"{one.Method} {one.Path}").ShouldBeEmpty();
    }

    [Fact]
    public async Task A_name_in_a_query_is_spelled_and_described_as_in_answers()
    {
        using var nobody = app.CreateClient();
        var paths = JsonNode.Parse(await nobody.GetStringAsync("/openapi/v1.json", Cancellation))!["paths"]!;
        NamesOf("/api/v1/studies/{study}/dataset", "agreement").ShouldBe(["unknown", "agreed", "contested", "adjudicated"]);
        NamesOf("/api/v1/studies/{study}/prompts", "split").ShouldBe(["train", "heldout"]);
        using var client = await app.KeyOfAsync(await app.CreateAdminAsync("speller"));
        (await client.GetJsonAsync("/api/v1/studies/1/comparisons?purpose=evaluation")).Response.StatusCode.ShouldBe(HttpStatusCode.OK);
        (await client.GetJsonAsync("/api/v1/studies/1/rounds/preview?data=new")).Response.StatusCode.ShouldBe(HttpStatusCode.OK);
        (await client.GetJsonAsync("/api/v1/studies/1/prompts?split=held-out")).ShouldBeProblem(400);

        IEnumerable<string> NamesOf(string path, string parameter) =>
            paths[path]!["get"]!["parameters"]!.AsArray().Single(one => one!["name"]!.GetValue<string>() == parameter)!["schema"]!["enum"]!.AsArray().Select(name => name!.GetValue<string>());
    }

    private static bool Same(string path, string template) => Regex.IsMatch(path, $"^{Regex.Replace(template, @"\{[^}]+\}", "[^/]+")}$");

    private async Task<(HttpResponseMessage Response, JsonNode? Json)> SendAsync(HttpClient client, Endpoint endpoint) =>
        await client.SendAsync(endpoint.Method, endpoint.Path, endpoint.TakesJson ? "{}" : null);

    private async Task<int> CountAuditAsync()
    {
        await using var db = app.OpenDb();
        return db.AuditEntries.Count();
    }

    private static bool IsForFiles(RouteEndpoint endpoint) => endpoint.Metadata.Any(one => one.GetType().Name == "TakesAFile");

    private static string Path(RouteEndpoint endpoint) => $"/{endpoint.RoutePattern.RawText!.TrimStart('/')}";

    [GeneratedRegex(@"\{(?<name>[a-z]+)[^{}]*(\{\{[^}]*\}\}[^{}]*)*\}")]
    private static partial Regex Place();

    /// <summary>Says that it is larger than any file may be, and would go on for ever.</summary>
    private sealed class EndlessContent(long says) : HttpContent
    {
        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            while (true)
            {
                await stream.WriteAsync(new byte[64 * 1024]);
            }
        }

        protected override bool TryComputeLength(out long length)
        {
            length = says;
            return true;
        }
    }
}

using System.IO.Compression;
using System.Net;
using Annotator.Model.Policies;
using Annotator.Tests.Fixtures;
using Annotator.Web.Policies;
using Microsoft.Extensions.DependencyInjection;

namespace Annotator.Tests.Web.Policies;

[Collection(TorchCollection.Name)]
public sealed class PolicyDownloadTests(WebApp app) : IClassFixture<WebApp>, IDisposable
{
    private readonly TemporaryDirectory folder = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Admins_and_viewers_download_a_policy_and_nobody_else_does()
    {
        var hash = await app.Services.GetRequiredService<PolicyRegistry>().ImportAsync(TinyPolicy.WriteRandom(folder["tiny"]), Cancellation);
        var path = $"/api/policies/{hash}.zip";

        using var admin = await app.SignInAsync(await app.CreateAdminAsync());
        await using (var zip = await admin.GetStreamAsync(path, Cancellation))
        {
            await ZipFile.ExtractToDirectoryAsync(zip, folder["unzipped"], Cancellation);
        }

        PolicyFiles.Hash(Path.Combine(folder["unzipped"], hash[..12])).ShouldBe(hash);
        (await admin.GetAsync($"/api/policies/{new string('0', 64)}.zip", Cancellation)).StatusCode.ShouldBe(HttpStatusCode.NotFound);
        (await admin.GetAsync("/api/policies/..%2f..%2fannotator.zip", Cancellation)).StatusCode.ShouldBe(HttpStatusCode.NotFound);

        using var viewer = await app.SignInAsync(await app.CreateViewerAsync());
        (await viewer.GetAsync(path, HttpCompletionOption.ResponseHeadersRead, Cancellation)).StatusCode.ShouldBe(HttpStatusCode.OK);
        using var annotator = await app.SignInAsync(await app.CreateAnnotatorAsync());
        (await annotator.GetAsync(path, Cancellation)).StatusCode.ShouldBe(HttpStatusCode.Forbidden);
        using var stranger = app.CreateClient();
        (await stranger.GetAsync(path, Cancellation)).StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
    }

    public void Dispose() => folder.Dispose();
}

using System.Diagnostics;
using Annotator.Model.Native;
using Annotator.Tests.Fixtures;
using Annotator.Web.Data;
using Annotator.Web.Engine;
using Annotator.Web.Policies;
using Annotator.Web.Sampling;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Annotator.Tests.Web.Engine;

/// <summary>The real sampler as a child of the real app.</summary>
[Collection(TimedCollection.Name)]
public sealed class ModelProcessTests : IDisposable
{
    private readonly TemporaryDirectory folder = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_killed_sampler_is_back_within_five_seconds_and_sampling_goes_on()
    {
        LinuxProcess.Require();
        await using var app = await WebApp.StartAsync("--Engine:Enabled=true");
        var sampler = app.Services.GetRequiredService<ModelProcess>();
        await sampler.WaitUntilReadyAsync(Cancellation);
        var killed = new LinuxProcess(sampler.ProcessId!.Value);
        killed.Niceness.ShouldBe((int)ChildPriority.Sampler);

        var waited = Stopwatch.StartNew();
        killed.Kill();
        await Until.TrueAsync(() => sampler.ProcessId != killed.Id);
        await sampler.WaitUntilReadyAsync(Cancellation);
        waited.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(5));

        LibTorch.Load();
        var study = await app.AddStudyAsync(prompts: 30);
        var hash = await app.Services.GetRequiredService<PolicyRegistry>().ImportAsync(TinyPolicy.WriteRandom(folder["tiny"]), Cancellation);
        await app.PublishAsync(study, hash);
        var producer = app.Services.GetRequiredService<SampleProducer>();
        await Until.TrueAsync(() => producer.StateOf(study).Phase == ProducerPhase.Stocked);
        await using var db = app.OpenDb();
        var responses = await db.Responses.Where(r => r.Policy!.Hash == hash).ToListAsync(Cancellation);
        responses.Count.ShouldBe(40);
        responses.ShouldAllBe(r => r.TokenIds!.Length > 0 && r.PromptTokenIds!.Length > 0 && r.LogProbability < 0);
    }

    [Fact]
    public async Task The_app_holds_no_tensor_and_takes_its_sampler_with_it_even_when_killed()
    {
        LinuxProcess.Require();
        var data = folder["data"];
        using var web = Process.Start(new ProcessStartInfo(
            "dotnet", [typeof(Annotator.Web.Program).Assembly.Location, "--urls", "http://127.0.0.1:0", "--data", data])
        {
            RedirectStandardOutput = true,
            WorkingDirectory = folder.Path,
        })!;
        try
        {
            await Until.TrueAsync(() => web.HasExited
                || LinuxProcess.Find("Annotator.Model.dll", "serve", data).Any(child => child.Maps.Contains("libtorch_cpu", StringComparison.Ordinal)));
            web.HasExited.ShouldBeFalse();
            var sampler = LinuxProcess.Find("Annotator.Model.dll", "serve", data).Single();
            new LinuxProcess(web.Id).Maps.ShouldNotContain("libtorch");

            web.Kill();

            await Until.TrueAsync(() => !sampler.IsRunning);
        }
        finally
        {
            web.Kill();
        }
    }

    [Fact]
    public void The_sampler_is_started_again_at_once_and_then_with_growing_delay() =>
        Enumerable.Range(0, 8).Select(failures => ModelProcess.RestartDelay(failures).TotalSeconds).ShouldBe([0, 1, 2, 4, 8, 16, 30, 30]);

    public void Dispose() => folder.Dispose();
}

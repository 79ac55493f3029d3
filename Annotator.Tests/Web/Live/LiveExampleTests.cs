using Annotator.Examples;
using Annotator.Tests.Fixtures;
using Annotator.Web.Api;
using Annotator.Web.Api.Keys;
using Annotator.Web.Data;
using Annotator.Web.Live;
using Annotator.Web.People;
using Microsoft.AspNetCore.SignalR.Client;
using Microsoft.Extensions.DependencyInjection;
using RoundProgress = Annotator.Web.Live.RoundProgress;

namespace Annotator.Tests.Web.Live;

/// <summary>The examples of the hub's reference, as they stand there, against the real app.</summary>
public sealed class LiveExampleTests(WebApp app, Fixtures.Browser browser) : IClassFixture<WebApp>
{
    private static readonly CancellationToken Cancellation = TestContext.Current.CancellationToken;

    private ApiKeyOperations Keys => app.Services.GetRequiredService<ApiKeyOperations>();

    private LiveFeed Feed => app.Services.GetRequiredService<LiveFeed>();

    [Fact]
    public async Task The_example_for_the_browser_hears_what_happens()
    {
        var study = await app.AddStudyAsync(prompts: 1);
        var key = await Keys.CreateAsync((await app.CreateAdminAsync()).Current, "a page", ApiScopes.Read, null, Cancellation);
        await using var page = await browser.OpenAsync(app);
        var example = await File.ReadAllTextAsync(Path.Combine(StarterData.Folder, "examples", "live.js"), Cancellation);
        await page.Page.GotoAsync(new Uri(app.Url, "/sign-in").ToString());
        await page.Page.AddScriptTagAsync(new() { Url = "/signalr/signalr.min.js" });
        await page.Page.EvaluateAsync(
            $$"""
            async ([key, study]) => {
              {{example}}
              window.heard = [];
              await watchStudy(location.origin, key, study, (message, what) => heard.push(`${message} ${what.studyId} ${what.total}`));
            }
            """,
            new object[] { key.Key, study });

        Feed.Publish(new JudgmentCounted(study, 42));

        await Until.TrueAsync(async () => await page.Page.EvaluateAsync<int>("() => heard.length") > 0);
        (await page.Page.EvaluateAsync<string[]>("() => heard")).ShouldBe([$"JudgmentCounted {study} 42"]);
        page.Problems.ShouldBeEmpty();
    }

    [Fact]
    public async Task The_example_for_DotNet_hears_a_round_and_is_cut_off_when_its_key_is_revoked()
    {
        var study = await app.AddStudyAsync(prompts: 1);
        var admin = (await app.CreateAdminAsync("grace")).Current;
        var key = await Keys.CreateAsync(admin, "a program", ApiScopes.Read, null, Cancellation);
        var (heard, lost) = (new TaskCompletionSource<Annotator.Examples.RoundProgress>(), new TaskCompletionSource());
        await using var connection = await LiveExample.WatchStudyAsync(app.Url, key.Key, study, heard.SetResult, Cancellation);
        connection.Closed += _ =>
        {
            lost.TrySetResult();
            return Task.CompletedTask;
        };

        Feed.Publish(new RoundProgress(study, 3, 10, 25, new Dictionary<string, double> { ["rewards/accuracies"] = 0.75 }));

        var progress = await heard.Task.WaitAsync(TimeSpan.FromSeconds(30), Cancellation);
        (progress.Step, progress.Steps, progress.Metrics["rewards/accuracies"]).ShouldBe((10, 25, 0.75));
        await Keys.RevokeAsync(admin, key.Id, Cancellation);
        await lost.Task.WaitAsync(TimeSpan.FromSeconds(30), Cancellation);
    }

    [Fact]
    public async Task A_key_without_the_scope_hears_nothing_and_whoever_is_locked_out_is_cut_off()
    {
        var (boss, ben) = ((await app.CreateAdminAsync("boss")).Current, await app.CreateAdminAsync("ben"));
        var judges = await Keys.CreateAsync(ben.Current, "judges only", ApiScopes.Judge, null, Cancellation);
        var reads = await Keys.CreateAsync(ben.Current, "reads", ApiScopes.Read, null, Cancellation);
        var study = await app.AddStudyAsync(prompts: 1);
        (await Should.ThrowAsync<HttpRequestException>(() => LiveExample.WatchStudyAsync(app.Url, judges.Key, study, _ => { }, Cancellation))).StatusCode.ShouldBe(System.Net.HttpStatusCode.Forbidden);
        (await Should.ThrowAsync<HttpRequestException>(() => LiveExample.WatchStudyAsync(app.Url, "ann_wrong", study, _ => { }, Cancellation))).StatusCode.ShouldBe(System.Net.HttpStatusCode.Unauthorized);

        var lost = new TaskCompletionSource();
        await using var connection = await LiveExample.WatchStudyAsync(app.Url, reads.Key, study, _ => { }, Cancellation);
        connection.Closed += _ =>
        {
            lost.TrySetResult();
            return Task.CompletedTask;
        };
        var still = app.Services.GetRequiredService<LiveStillValid>();
        await still.LookAsync(Cancellation);
        connection.State.ShouldBe(HubConnectionState.Connected);
        await app.Services.GetRequiredService<PeopleOperations>().SetLockedAsync(boss, ben.Current.Id, true, Cancellation);

        await still.LookAsync(Cancellation);

        await lost.Task.WaitAsync(TimeSpan.FromSeconds(30), Cancellation);
    }
}

using System.Collections.Concurrent;
using System.Net;
using Annotator.Tests.Fixtures;
using Annotator.Web.Data;
using Annotator.Web.Live;
using Microsoft.AspNetCore.SignalR;
using Microsoft.AspNetCore.SignalR.Client;
using Microsoft.Extensions.DependencyInjection;

namespace Annotator.Tests.Web.Live;

public sealed class LiveHubTests(WebApp app) : IClassFixture<WebApp>
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private LiveFeed Feed => app.Services.GetRequiredService<LiveFeed>();

    [Fact]
    public async Task A_client_that_watches_a_study_hears_what_happens_in_it_and_not_in_others()
    {
        var (study, other) = (await app.AddStudyAsync(prompts: 1), await app.AddStudyAsync(prompts: 1));
        await using var ben = await ConnectAsync(await app.CreateAnnotatorAsync("ben"));
        var heard = new ConcurrentQueue<LiveEvent>();
        ben.On<JudgmentCounted>(nameof(ILiveClient.JudgmentCounted), heard.Enqueue);
        ben.On<RoundChanged>(nameof(ILiveClient.RoundChanged), heard.Enqueue);
        ben.On<PolicyPublished>(nameof(ILiveClient.PolicyPublished), heard.Enqueue);
        var fresh = new ConcurrentQueue<FreshResponsesReady>();
        ben.On<FreshResponsesReady>(nameof(ILiveClient.FreshResponsesReady), fresh.Enqueue);
        await ben.InvokeAsync(nameof(LiveHub.Watch), study, Cancellation);

        Feed.Publish(new JudgmentCounted(other, 99));
        LiveEvent[] told = [new JudgmentCounted(study, 5), new RoundChanged(study, 2, "running"), new PolicyPublished(study, 7, 1)];
        foreach (var what in told)
        {
            Feed.Publish(what);
        }

        Feed.Publish(new FreshResponsesReady(study, 1, [11, 12]));

        await Until.TrueAsync(() => !fresh.IsEmpty);
        heard.ShouldBe(told);
        fresh.Single().ComparisonIds.ShouldBe([11, 12]);
    }

    [Fact]
    public async Task The_metrics_of_a_round_are_for_admins_and_its_steps_for_all()
    {
        var study = await app.AddStudyAsync(prompts: 1);
        await using var admin = await ConnectAsync(await app.CreateAdminAsync("grace"));
        await using var annotator = await ConnectAsync(await app.CreateAnnotatorAsync("carl"));
        var (toAdmin, toAnnotator) = (new TaskCompletionSource<RoundProgress>(), new TaskCompletionSource<RoundProgress>());
        admin.On<RoundProgress>(nameof(ILiveClient.RoundProgress), toAdmin.SetResult);
        annotator.On<RoundProgress>(nameof(ILiveClient.RoundProgress), toAnnotator.SetResult);
        await admin.InvokeAsync(nameof(LiveHub.Watch), study, Cancellation);
        await annotator.InvokeAsync(nameof(LiveHub.Watch), study, Cancellation);

        Feed.Publish(new RoundProgress(study, 3, 10, 25, new Dictionary<string, double> { ["rewards/accuracies"] = 0.75 }));

        (await toAdmin.Task.WaitAsync(Cancellation)).Metrics["rewards/accuracies"].ShouldBe(0.75);
        var steps = await toAnnotator.Task.WaitAsync(Cancellation);
        (steps.Step, steps.Steps, steps.Metrics.Count).ShouldBe((10, 25, 0));
    }

    [Fact]
    public async Task A_study_that_is_not_there_can_not_be_watched()
    {
        await using var connection = await ConnectAsync(await app.CreateAnnotatorAsync("dora"));
        (await Should.ThrowAsync<HubException>(() => connection.InvokeAsync(nameof(LiveHub.Watch), 4711L, Cancellation)))
            .Message.ShouldContain("There is no study 4711.");
    }

    [Fact]
    public async Task Who_has_not_signed_in_is_refused()
    {
        await using var stranger = Connection(new CookieContainer());
        (await Should.ThrowAsync<HttpRequestException>(() => stranger.StartAsync(Cancellation))).StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
    }

    private async Task<HubConnection> ConnectAsync(TestPerson person)
    {
        var cookies = new CookieContainer();
        using var client = await app.SignInAsync(person, cookies);
        var connection = Connection(cookies);
        await connection.StartAsync(Cancellation);
        return connection;
    }

    private HubConnection Connection(CookieContainer cookies) =>
        new HubConnectionBuilder().WithUrl(new Uri(app.Url, LiveHub.Path), options => options.Cookies = cookies).Build();
}

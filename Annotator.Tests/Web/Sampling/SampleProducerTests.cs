using System.Collections.Concurrent;
using System.Diagnostics;
using Annotator.Tests.Fixtures;
using Annotator.Web.Data;
using Annotator.Web.Live;
using Annotator.Web.Sampling;
using Microsoft.AspNetCore.Http;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Annotator.Tests.Web.Sampling;

/// <summary>The producer in the real app, against a completions server that does what the test says.</summary>
public sealed class SampleProducerTests : IAsyncLifetime
{
    private readonly ConcurrentQueue<LiveEvent> events = new();
    private FakeCompletions server = null!;
    private WebApp app = null!;
    private long studyId;

    public async ValueTask InitializeAsync()
    {
        server = await FakeCompletions.StartAsync();
        app = await WebApp.StartAsync($"--Engine:CompletionsUrl={server.Url}");
        app.Services.GetRequiredService<LiveFeed>().Subscribe(events.Enqueue);
        studyId = await app.AddStudyAsync(prompts: 40);
    }

    private ProducerState State => app.Services.GetRequiredService<SampleProducer>().StateOf(studyId);

    [Fact]
    public async Task A_published_policy_fills_the_stock_and_its_first_comparisons_are_announced()
    {
        var policy = await app.PublishAsync(studyId, "hash-0");
        await StockedAsync();

        var comparisons = await ComparisonsAsync();
        comparisons.Count.ShouldBe(20);
        comparisons.Select(c => c.PromptId).Distinct().Count().ShouldBe(20);
        comparisons.ShouldAllBe(c => c.PolicyId == policy.Id && c.Purpose == ComparisonPurpose.Train && c.RetiredAt == null);
        foreach (var responses in comparisons.Select(c => c.Responses.OrderBy(r => r.Position).ToList()))
        {
            responses.Select(r => r.Position).ShouldBe([0, 1]);
            responses[0].Response!.Seed.ShouldBe(responses[1].Response!.Seed);
            responses[0].Response!.TokenIds.ShouldBe([7, 8, 0]);
            responses[0].Response!.PromptTokenIds.ShouldBe([1, 2, 3]);
            responses[0].Response!.LogProbability.ShouldBe(-3.5);
        }

        var fresh = events.OfType<FreshResponsesReady>().Where(e => e.StudyId == studyId).ToList();
        fresh.ShouldAllBe(e => e.PolicyNumber == 0);
        fresh[0].ComparisonIds.Count.ShouldBe(4); // Few, so that they are there soon.
        fresh.SelectMany(e => e.ComparisonIds).ShouldBe(comparisons.Select(c => c.Id).Order());
        OurRequests().ShouldAllBe(r => r.N == 2 && r.Model == "hash-0");
    }

    [Fact]
    public async Task A_ranking_study_gets_its_number_of_responses_from_chats_too_with_the_overlap_and_priorities_it_wants()
    {
        await using (var db = app.OpenDb())
        {
            var study = await db.Studies.SingleAsync(s => s.Id == studyId, Cancellation);
            study.Task = new() { Kind = TaskKind.Ranking, ResponsesPerComparison = 5, Overlap = 3 };
            db.Prompts.Add(new() { StudyId = studyId, Text = "User: A haiku?", Messages = [new("user", "A haiku?")], Priority = 7, CreatedAt = DateTime.UtcNow });
            await db.SaveChangesAsync(Cancellation);
        }

        await app.PublishAsync(studyId, "hash-0");
        await StockedAsync();

        var comparisons = (await ComparisonsAsync()).OrderBy(c => c.QueueOrder).ToList();
        comparisons.ShouldAllBe(c => c.Responses.Count == 5 && c.OpenPlaces == 3);
        comparisons[0].Responses.ShouldAllBe(r => r.Response!.Text.StartsWith("Turn "), "the chat has the highest priority");
        comparisons.Skip(1).SelectMany(c => c.Responses).ShouldAllBe(r => !r.Response!.Text.StartsWith("Turn "));
        server.Chats.ShouldHaveSingleItem().N.ShouldBe(5);
    }

    [Fact]
    public async Task A_share_for_evaluation_is_sampled_from_two_policies_on_held_out_prompts_and_replaced_with_the_pair()
    {
        await using (var db = app.OpenDb())
        {
            (await db.Studies.SingleAsync(s => s.Id == studyId, Cancellation)).Evaluation = new() { Share = 0.1 };
            db.Prompts.AddRange(Enumerable.Range(1, 5).Select(n => new Prompt { StudyId = studyId, Text = $"Held out {n}", Split = PromptSplit.Heldout, CreatedAt = DateTime.UtcNow }));
            await db.SaveChangesAsync(Cancellation);
        }

        await app.PublishAsync(studyId, "hash-0");
        await StockedAsync();
        (await ComparisonsAsync()).ShouldAllBe(c => c.Purpose == ComparisonPurpose.Train, "there is nothing to compare the first policy with");

        var next = await app.PublishAsync(studyId, "hash-1");
        await Until.TrueAsync(async () => (await EvaluationsAsync()).Count(c => c.RetiredAt == null) == 8);
        var between = await EvaluationsAsync();
        between.ShouldAllBe(c => c.PolicyId == next.Id && c.OpenPlaces == 1 && c.Prompt!.Text.StartsWith("Held out"));
        between.ShouldAllBe(c => c.Responses.Count == 2 && c.Responses.Select(r => r.Response!.Policy!.Hash).Distinct().Count() == 2);
        between.Select(c => c.PromptId).Distinct().Count().ShouldBe(5);
        server.Requests.Where(r => r.Prompt![0].Text!.StartsWith("Held out", StringComparison.Ordinal)).ShouldAllBe(r => r.N == 1);

        await app.PublishAsync(studyId, "hash-2");
        await Until.TrueAsync(async () => (await EvaluationsAsync()).Count(c => c.RetiredAt == null && c.Responses.Select(r => r.Response!.Policy!.Hash).Order().SequenceEqual(["hash-1", "hash-2"])) == 8);
        (await EvaluationsAsync()).Where(c => c.PolicyId == next.Id).ShouldAllBe(c => c.RetiredAt != null, "nobody had judged them");
    }

    [Fact]
    public async Task Two_policies_that_serve_together_write_half_of_each_comparison()
    {
        await app.PublishAsync(studyId, "hash-0");
        await app.PublishAsync(studyId, "hash-1");
        await Until.TrueAsync(async () => (await ComparisonsAsync()).Count(c => c.RetiredAt == null && c.Policy!.Hash == "hash-1") == 20); // so no batch is on its way
        await using (var db = app.OpenDb())
        {
            await db.Studies.Where(s => s.Id == studyId).ExecuteUpdateAsync(set => set.SetProperty(s => s.SecondPolicyId, db.Policies.First(p => p.StudyId == studyId && p.Number == 0).Id), Cancellation);
            await db.Comparisons.Where(c => c.StudyId == studyId).ExecuteUpdateAsync(set => set.SetProperty(c => c.RetiredAt, DateTime.UtcNow), Cancellation);
        }

        app.Services.GetRequiredService<LiveFeed>().Publish(new JudgmentCounted(studyId, 0));

        await Until.TrueAsync(async () => (await ComparisonsAsync()).Count(c => c.RetiredAt == null) >= 20);
        var both = (await ComparisonsAsync()).Where(c => c.RetiredAt == null && c.Responses.Select(r => r.Response!.PolicyId).Distinct().Count() == 2).ToList();
        both.Count.ShouldBe(20);
        both.ShouldAllBe(c => c.Purpose == ComparisonPurpose.Train && c.Policy!.Hash == "hash-1");
        both.Select(c => c.Responses.Single(r => r.Position == 0).Response!.PolicyId).Distinct().Count().ShouldBe(2, "which stands first tells nothing");
    }

    [Fact]
    public async Task Annotators_at_work_raise_the_stock_and_those_who_left_do_not()
    {
        await using (var db = app.OpenDb())
        {
            db.Users.AddRange(Enumerable.Range(0, 8).Select(n => Annotator($"here-{n}", DateTime.UtcNow)));
            db.Users.AddRange(Enumerable.Range(0, 8).Select(n => Annotator($"gone-{n}", DateTime.UtcNow.AddMinutes(-6))));
            await db.SaveChangesAsync(Cancellation);
        }

        await app.PublishAsync(studyId, "hash-0");
        await StockedAsync();

        State.Target.ShouldBe(24);
        (await ComparisonsAsync()).Count.ShouldBe(24);
    }

    [Fact]
    public async Task What_is_judged_is_replaced()
    {
        await app.PublishAsync(studyId, "hash-0");
        await StockedAsync();
        await using (var db = app.OpenDb())
        {
            await db.Comparisons.Where(c => c.StudyId == studyId).OrderBy(c => c.Id).Take(3)
                .ExecuteUpdateAsync(set => set.SetProperty(c => c.JudgmentCount, 1).SetProperty(c => c.OpenPlaces, 0), Cancellation);
        }

        app.Services.GetRequiredService<LiveFeed>().Publish(new JudgmentCounted(studyId, 3));

        await Until.TrueAsync(async () => (await ComparisonsAsync()).Count(c => c.JudgmentCount == 0) == 20);
    }

    [Fact]
    public async Task Equal_empty_and_self_naming_responses_are_sampled_again_and_never_stored()
    {
        var asked = 0;
        server.Text = (request, index) => (Interlocked.Increment(ref asked) / 2 % 4) switch
        {
            0 => " is a gem.",
            1 => index == 0 ? "" : " is a bore.",
            2 => index == 0 ? " I am ChatGPT." : " is a bore.",
            _ => $" is {index} of {request.Seed}.",
        };

        await app.PublishAsync(studyId, "hash-0");
        await StockedAsync();

        var texts = (await ComparisonsAsync()).Select(c => c.Responses.Select(r => r.Response!.Text.Trim()).ToList()).ToList();
        texts.ShouldAllBe(pair => pair.Distinct().Count() == 2);
        texts.SelectMany(pair => pair).ShouldAllBe(text => text.Length > 0 && !text.Contains("ChatGPT"));
        OurRequests().Select(r => r.Seed).Distinct().Count().ShouldBe(OurRequests().Count);
    }

    [Fact]
    public async Task Responses_that_are_always_equal_are_given_up_with_a_reason()
    {
        server.Text = (_, _) => " is a gem.";

        await app.PublishAsync(studyId, "hash-0");

        (await ToldAsync(ProducerPhase.Failing)).Reason.ShouldBe("No responses that can be compared came of 4 tries with policy 0, because two responses were equal: raise the temperature, or the number of tokens.");
        (await ComparisonsAsync()).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_new_policy_retires_what_nobody_has_judged_or_has_on_the_desk_and_fills_the_stock_anew()
    {
        await app.PublishAsync(studyId, "hash-0");
        await StockedAsync();
        var old = (await ComparisonsAsync()).OrderBy(c => c.Id).ToList();
        await using (var db = app.OpenDb())
        {
            var person = Annotator("ben", null);
            db.Users.Add(person);
            await db.SaveChangesAsync(Cancellation);
            await db.Comparisons.Where(c => c.Id == old[0].Id).ExecuteUpdateAsync(set => set.SetProperty(c => c.JudgmentCount, 1).SetProperty(c => c.OpenPlaces, 0), Cancellation);
            await db.Comparisons.Where(c => c.Id == old[1].Id).ExecuteUpdateAsync(set => set.SetProperty(c => c.OpenPlaces, 0), Cancellation);
            db.Leases.Add(new() { ComparisonId = old[1].Id, AnnotatorId = person.Id, StudyId = studyId, ExpiresAt = DateTime.UtcNow.AddMinutes(10) });
            await db.SaveChangesAsync(Cancellation);
        }

        var next = await app.PublishAsync(studyId, "hash-1");

        // The producer may have made up for the two before the new policy came: that is retired too.
        var left = (await ComparisonsAsync()).Where(c => c.RetiredAt == null && c.PolicyId != next.Id).Select(c => c.Id).ToList();
        left.ShouldBe(old.Take(2).Select(c => c.Id), ignoreOrder: true);
        await Until.TrueAsync(async () => (await ComparisonsAsync()).Count(c => c.PolicyId == next.Id) == 20);
        events.OfType<FreshResponsesReady>().Last(e => e.StudyId == studyId).PolicyNumber.ShouldBe(1);
        next.Number.ShouldBe(1);
    }

    [Fact]
    public async Task A_batch_that_a_new_policy_overtakes_is_abandoned()
    {
        var never = new TaskCompletionSource();
        server.Hold = request => IsOurs(request) ? never.Task : Task.CompletedTask; // The starter study's own requests go through.
        await app.PublishAsync(studyId, "hash-0");
        await Until.TrueAsync(() => OurRequests().Count > 0);
        server.Hold = _ => Task.CompletedTask; // Those that wait go on waiting.

        await app.PublishAsync(studyId, "hash-1");

        await StockedAsync();
        (await ComparisonsAsync()).Select(c => c.Policy!.Hash).Distinct().ShouldBe(["hash-1"]);
        never.SetResult();
    }

    [Fact]
    public async Task After_an_outage_sampling_goes_on_by_itself()
    {
        server.Instead = _ => Results.StatusCode(503);
        var published = Stopwatch.StartNew();
        await app.PublishAsync(studyId, "hash-0");
        (await ToldAsync(ProducerPhase.WaitingForSampler)).Reason.ShouldBe("The sampler answered 503 (Service Unavailable).");
        // No storm on a server in trouble: four requests at once, four more if the policy came during a look, and then after 1, 2, 4, … seconds.
        var asked = OurRequests().Count;
        asked.ShouldBeLessThanOrEqualTo(4 * (2 + (int)Math.Log2(1 + published.Elapsed.TotalSeconds)));

        server.Instead = _ => null;

        await StockedAsync();
        (await ComparisonsAsync()).Count.ShouldBe(20);
    }

    [Fact]
    public async Task A_study_without_policy_or_prompts_says_so()
    {
        await app.PublishAsync(await app.AddStudyAsync(prompts: 1), "hash-0"); // wakes the producer
        (await ToldAsync(ProducerPhase.NothingToSample)).Reason.ShouldBe("The study has no policy yet.");

        var empty = await app.AddStudyAsync(prompts: 0);
        await app.PublishAsync(empty, "hash-0");
        var producer = app.Services.GetRequiredService<SampleProducer>();
        await Until.TrueAsync(() => producer.StateOf(empty).Reason == "The study has no prompts to sample responses for.");
    }

    public async ValueTask DisposeAsync()
    {
        await app.DisposeAsync();
        await server.DisposeAsync();
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private Task StockedAsync() => Until.TrueAsync(() => State.Phase == ProducerPhase.Stocked);

    /// <summary>The state once it has this phase: a moment later it may be another.</summary>
    private async Task<ProducerState> ToldAsync(ProducerPhase phase)
    {
        var told = State;
        await Until.TrueAsync(() => (told = State).Phase == phase);
        return told;
    }

    private List<Annotator.Model.Sampling.CompletionRequest> OurRequests() => [.. server.Requests.Where(IsOurs)];

    private static bool IsOurs(Annotator.Model.Sampling.CompletionRequest request) => request.Prompt![0].Text!.StartsWith("Prompt ", StringComparison.Ordinal);

    private async Task<List<Comparison>> ComparisonsAsync()
    {
        await using var db = app.OpenDb();
        return await db.Comparisons.AsNoTracking().Include(c => c.Policy).Include(c => c.Responses).ThenInclude(r => r.Response)
            .Where(c => c.StudyId == studyId).ToListAsync(Cancellation);
    }

    private async Task<List<Comparison>> EvaluationsAsync()
    {
        await using var db = app.OpenDb();
        return await db.Comparisons.AsNoTracking().Include(c => c.Prompt).Include(c => c.Responses).ThenInclude(r => r.Response!.Policy)
            .Where(c => c.StudyId == studyId && c.Purpose == ComparisonPurpose.Evaluation).ToListAsync(Cancellation);
    }

    private static Person Annotator(string name, DateTime? lastSeen) =>
        new() { UserName = name, Pseudonym = name, CreatedAt = DateTime.UtcNow, LastAnnotatingAt = lastSeen };
}

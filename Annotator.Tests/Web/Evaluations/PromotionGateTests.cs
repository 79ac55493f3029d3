using System.Collections.Concurrent;
using Annotator.Tests.Fixtures;
using Annotator.Web.Data;
using Annotator.Web.Evaluations;
using Annotator.Web.Live;
using Annotator.Web.People.Work;
using Annotator.Web.Policies;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Annotator.Tests.Web.Evaluations;

/// <summary>A round's policy waits until people have said that it is better.</summary>
public sealed class PromotionGateTests(WebApp app) : IClassFixture<WebApp>
{
    private static readonly StudyEvaluation Gate = new() { Share = 0.2, GateWinRate = 0.5, GateKl = 5 };
    private readonly ConcurrentQueue<LiveEvent> events = new();
    private TestPerson admin = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_rounds_policy_waits_behind_the_gate_and_is_promoted_by_the_judgment_that_opens_it()
    {
        var study = await StudyAsync(Gate);
        var old = (await CurrentAsync(study))!;

        var policy = await PublishRoundAsync(study, kl: 3);

        policy.AwaitsGate.ShouldBeTrue();
        (await CurrentAsync(study))!.Id.ShouldBe(old.Id, "it is in the line, but does not serve");
        events.OfType<PolicyAwaitsGate>().ShouldHaveSingleItem().Number.ShouldBe(1);
        events.OfType<PolicyPublished>().ShouldNotContain(e => e.StudyId == study);
        (await LookAsync(study))!.State.ShouldBe(GateState.TooFew);

        // 14 in 20 is 48–85%: not yet surely above one half. 29 in 40 is 57–84%.
        await JudgeAsync(policy, old, wins: 14, losses: 6);
        (await LookAsync(study))!.State.ShouldBe(GateState.NotClear);
        await JudgeAsync(policy, old, wins: 15, losses: 5);
        app.Services.GetRequiredService<LiveFeed>().Publish(new JudgmentCounted(study, 40));

        await Until.TrueAsync(async () => (await CurrentAsync(study))!.Id == policy.Id);
        await Until.TrueAsync(() => events.OfType<PolicyPublished>().Any(e => e.StudyId == study && e.Number == 1)); // told once it is committed
        await using var db = app.OpenDb();
        (await db.Policies.SingleAsync(p => p.Id == policy.Id, Cancellation)).AwaitsGate.ShouldBeFalse();
        (await db.AuditEntries.SingleAsync(a => a.Action == "policy.promote" && a.Detail.Contains("preferred in 73%"), Cancellation))
            .ShouldSatisfyAllConditions(a => a.PersonId.ShouldBeNull("nobody did, the rule did"), a => a.Detail.ShouldBe(
                "Film reviews: the gate opened for policy 1, preferred in 73% (57–84%) of 40 blind comparisons with policy 0, above the mark of 50%; objective/kl 3 below 5."));
        (await LookAsync(study)).ShouldBeNull("nobody waits any more");
    }

    [Fact]
    public async Task A_policy_too_far_from_its_reference_or_of_unknown_KL_is_not_promoted_whatever_people_say()
    {
        var study = await StudyAsync(Gate);
        var old = (await CurrentAsync(study))!;
        var far = await PublishRoundAsync(study, kl: 6);
        await JudgeAsync(far, old, wins: 40, losses: 0);
        (await LookAsync(study))!.State.ShouldBe(GateState.KlTooLarge);

        var unknown = await PublishRoundAsync(study, kl: null);

        (await LookAsync(study))!.ShouldSatisfyAllConditions(v => v.State.ShouldBe(GateState.KlUnknown), v => v.Result.New.ShouldBe(2, "the newest waits, one at a time"));
        (await CurrentAsync(study))!.Id.ShouldBe(old.Id);

        // An admin who lifts that mark decides; the next look is by itself.
        await JudgeAsync(unknown, old, wins: 30, losses: 5);
        await app.Services.GetRequiredService<EvaluationOperations>().SetAsync(admin.Current, study, Gate with { GateKl = null }, Cancellation);
        await Until.TrueAsync(async () => (await CurrentAsync(study))!.Id == unknown.Id);
    }

    [Fact]
    public async Task Who_is_left_out_of_training_opens_no_gate_and_leaving_somebody_out_may_open_it()
    {
        var study = await StudyAsync(Gate);
        var old = (await CurrentAsync(study))!;
        var policy = await PublishRoundAsync(study, kl: 3);
        var contrary = await app.CreateAnnotatorAsync($"ben{Guid.NewGuid():N}");
        // First those who are against it: the gate may look at any time, also between the two.
        await using (var db = app.OpenDb())
        {
            db.AddEvaluation(policy, old, contrary.Current.Id, wins: 0, losses: 25);
        }

        await JudgeAsync(policy, old, wins: 30, losses: 5);

        (await LookAsync(study))!.ShouldSatisfyAllConditions(v => v.State.ShouldBe(GateState.NotClear), v => v.Result.Judgments.ShouldBe(60));

        await app.Services.GetRequiredService<PeopleWork>().SetLeftOutAsync(admin.Current, study, contrary.Current.Id, true, Cancellation);

        await Until.TrueAsync(async () => (await CurrentAsync(study))!.Id == policy.Id);
        var report = await app.Services.GetRequiredService<EvaluationReader>().ReadAsync(admin.Current, study, Cancellation);
        report.LeftOut.ShouldBe(1);
        report.Pairs.ShouldHaveSingleItem().ShouldSatisfyAllConditions(pair => pair.Wins.ShouldBe(30), pair => pair.Losses.ShouldBe(5));
    }

    [Fact]
    public async Task Without_a_gate_a_rounds_policy_serves_at_once()
    {
        var study = await StudyAsync(new() { Share = 0.2 });

        var policy = await PublishRoundAsync(study, kl: null);

        (await CurrentAsync(study))!.Id.ShouldBe(policy.Id);
        policy.AwaitsGate.ShouldBeFalse();
    }

    [Theory]
    [InlineData(0.6, EvaluationPair.Previous, null, null, null, null, "The share of blind comparisons must be from 0 to one half.")]
    [InlineData(0.1, EvaluationPair.Chosen, 1, null, null, null, "Name the two policies to compare.")]
    [InlineData(0.1, EvaluationPair.Chosen, 1, 1, null, null, "Name two different policies to compare.")]
    [InlineData(0.1, EvaluationPair.Chosen, 7, 0, null, null, "There is no policy 7 in this study's line.")]
    [InlineData(0.1, EvaluationPair.Sft, null, null, 1.0, null, "The gate's mark for the win rate must lie between 0% and 100%.")]
    [InlineData(0.1, EvaluationPair.Sft, null, null, 0.5, -1.0, "The gate's mark for objective/kl must be above 0.")]
    [InlineData(0.1, EvaluationPair.Sft, null, null, null, 3.0, "A mark for objective/kl belongs to a gate: set the mark for the win rate too, or leave both empty.")]
    [InlineData(0.0, EvaluationPair.Sft, null, null, 0.5, null, "The gate needs blind comparisons: set their share above 0.")]
    public async Task Options_that_make_no_sense_are_refused_in_a_sentence(double share, EvaluationPair pair, int? newer, int? older, double? mark, double? kl, string says)
    {
        var study = await StudyAsync(new());
        var options = new StudyEvaluation { Share = share, Pair = pair, New = newer, Old = older, GateWinRate = mark, GateKl = kl };

        (await Should.ThrowAsync<RefusedException>(() => app.Services.GetRequiredService<EvaluationOperations>().SetAsync(admin.Current, study, options, Cancellation))).Message.ShouldBe(says);
    }

    [Fact]
    public async Task Only_an_admin_sets_them_and_it_is_audited()
    {
        var study = await StudyAsync(new());
        var operations = app.Services.GetRequiredService<EvaluationOperations>();
        await Should.ThrowAsync<NotAllowedException>(() => operations.SetAsync(admin.Current with { IsAdmin = false }, study, Gate, Cancellation));

        await operations.SetAsync(admin.Current, study, Gate, Cancellation);

        await using var db = app.OpenDb();
        (await db.Studies.SingleAsync(s => s.Id == study, Cancellation)).Evaluation.ShouldBe(Gate);
        (await db.AuditEntries.SingleAsync(a => a.Action == "study.evaluation" && a.PersonId == admin.Current.Id, Cancellation)).Detail
            .ShouldBe("Film reviews: 20% of the queue compare the serving policy with the one before, a round's policy serves once its win rate is surely above 50% and objective/kl below 5.");
    }

    private async Task<long> StudyAsync(StudyEvaluation options)
    {
        admin = await app.CreateAdminAsync($"ada{Guid.NewGuid():N}");
        await using var db = app.OpenDb();
        var study = db.AddStudy();
        study.Evaluation = options;
        await db.SaveChangesAsync(Cancellation);
        app.Services.GetRequiredService<LiveFeed>().Subscribe(what =>
        {
            if (what.StudyId == study.Id)
            {
                events.Enqueue(what);
            }
        });
        return study.Id;
    }

    private async Task<Policy?> CurrentAsync(long study)
    {
        await using var db = app.OpenDb();
        return await db.Studies.AsNoTracking().Where(s => s.Id == study).Select(s => s.CurrentPolicy).SingleAsync(Cancellation);
    }

    /// <summary>What a round leaves behind.</summary>
    private async Task<Policy> PublishRoundAsync(long study, double? kl)
    {
        Round round;
        await using (var db = app.OpenDb())
        {
            var number = await db.Rounds.CountAsync(r => r.StudyId == study, Cancellation) + 1;
            round = new Round
            {
                StudyId = study, Number = number, State = RoundState.Running, DirectoryName = $"gate-{study}-{number}", Options = "{}", Init = RoundInit.Previous,
                Reference = RoundReference.Sft, Data = RoundData.All, CreatedAt = DateTime.UtcNow,
                InitPolicyId = await db.Studies.Where(s => s.Id == study).Select(s => s.CurrentPolicyId).SingleAsync(Cancellation),
            };
            db.Rounds.Add(round);
            await db.SaveChangesAsync(Cancellation);
        }

        Directory.CreateDirectory(app.Data.Round(round.DirectoryName));
        await File.WriteAllTextAsync(Path.Combine(app.Data.Round(round.DirectoryName), "result.json"), kl is { } nats ? FormattableString.Invariant($$"""{"objective/kl":{{nats}}}""") : "{}", Cancellation);
        return await app.Services.GetRequiredService<PolicyLine>().PublishAsync(study, $"hash-{study}-{round.Number}", round.Id, done => done.State = RoundState.Succeeded, Cancellation);
    }

    private async Task JudgeAsync(Policy newer, Policy older, int wins, int losses)
    {
        await using var db = app.OpenDb();
        db.AddEvaluation(newer, older, admin.Current.Id, wins, losses);
    }

    private Task<GateVerdict?> LookAsync(long study) => app.Services.GetRequiredService<PromotionGate>().LookAsync(study, Cancellation);
}

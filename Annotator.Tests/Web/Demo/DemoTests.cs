using Annotator.Model.Evaluation;
using Annotator.Tests.Fixtures;
using Annotator.Web.Annotating;
using Annotator.Web.Data;
using Annotator.Web.Dataset;
using Annotator.Web.Demo;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Annotator.Tests.Web.Demo;

public sealed class DemoTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Simulated_annotators_judge_the_demo_study_and_nothing_else_until_they_have_judged_enough()
    {
        await using var app = await WebApp.StartAsync("--Simulation:SecondsPerJudgment=0.02", "--Simulation:Judgments=20", "--Simulation:Noise=0");
        var admin = await app.CreateAdminAsync();
        var demo = app.Services.GetRequiredService<DemoOperations>();
        await using var db = app.OpenDb();
        db.AddComparisons(db.StarterStudy().Id, 5);

        var studyId = await demo.StartAsync(admin.Current, Cancel);
        (await demo.StartAsync(admin.Current, Cancel)).ShouldBe(studyId, "it runs already");
        db.AddComparisons(studyId, 12);
        await Fixtures.Until.TrueAsync(() => !demo.State.IsRunning);

        demo.State.Judged.ShouldBe(20);
        var judgments = await db.Judgments.AsNoTracking().Include(j => j.Annotator).Include(j => j.Comparison!.Prompt).Include(j => j.Comparison!.Responses).ThenInclude(r => r.Response).ToListAsync(Cancel);
        judgments.Count.ShouldBeInRange(20, 23, "who had begun may end");
        judgments.ShouldAllBe(j => j.Annotator!.IsSimulated && j.StudyId == studyId && j.Annotator.Pseudonym.StartsWith("simulated-"));
        var scorer = SentimentScorer.Read(StarterData.Scorer);
        judgments.All(j => scorer.Score(Text(j, j.Ranking![0][0])) >= scorer.Score(Text(j, j.Ranking[^1][0]))).ShouldBeTrue();
        (await db.Studies.SingleAsync(s => s.Id == studyId, Cancel)).ShouldSatisfyAllConditions(
            s => s.IsDemo.ShouldBeTrue(), s => s.AutomaticRoundEvery.ShouldNotBeNull(), s => s.AutomaticRoundsADay.ShouldNotBeNull());
        (await db.AuditEntries.CountAsync(a => a.Action == "demo.start" && a.PersonId == admin.Current.Id, Cancel)).ShouldBe(2);

        static string Text(Judgment j, int position) => j.Comparison!.Prompt!.Text + j.Comparison.Responses.Single(r => r.Position == position).Response!.Text;
    }

    [Fact]
    public async Task The_demo_stops_when_an_admin_says_so_and_no_annotator_may_say_so()
    {
        await using var app = await WebApp.StartAsync("--demo", "--Simulation:SecondsPerJudgment=0.02");
        var demo = app.Services.GetRequiredService<DemoOperations>();
        demo.State.IsRunning.ShouldBeTrue("the option --demo started it");
        var annotator = await app.CreateAnnotatorAsync();
        await Should.ThrowAsync<NotAllowedException>(() => demo.StopAsync(annotator.Current, Cancel));
        await Should.ThrowAsync<NotAllowedException>(() => demo.StartAsync(annotator.Current, Cancel));

        await demo.StopAsync((await app.CreateAdminAsync()).Current, Cancel);

        demo.State.IsRunning.ShouldBeFalse();
    }

    [Fact]
    public async Task People_are_offered_no_demo_study_and_are_refused_at_one_and_its_dataset_says_what_it_is()
    {
        await using var app = await WebApp.StartAsync();
        var admin = await app.CreateAdminAsync();
        var study = app.Services.GetRequiredService<DemoStudy>();
        var studyId = await study.EnsureAsync(Cancel);
        await using var db = app.OpenDb();
        db.AddComparisons(studyId, 2);
        var real = db.StarterStudy().Id;
        db.AddComparisons(real, 2);
        var desk = app.Services.GetRequiredService<Desk>();
        var simulated = (await study.AnnotatorsAsync(1, Cancel))[0];

        (await desk.StudiesAsync(admin.Current, default, Cancel)).ShouldNotContain(s => s.Id == studyId);
        (await desk.StudyAsync(admin.Current, studyId, Cancel)).ShouldBeNull();
        await Should.ThrowAsync<RefusedException>(() => desk.NextAsync(new(admin.Current, studyId), [], Cancel));
        await Should.ThrowAsync<RefusedException>(() => desk.NextAsync(new(simulated, real), [], Cancel));
        var shown = (await desk.NextAsync(new(simulated, studyId), [], Cancel)).ShouldNotBeNull();
        var press = new JudgeRequest { Comparison = shown, Answer = Answer.Left, Seconds = 1, GuidelinesVersion = 1, RequestId = Guid.NewGuid() };
        await Should.ThrowAsync<RefusedException>(() => desk.JudgeAsync(new(admin.Current, studyId), press, Cancel));
        (await db.Judgments.CountAsync(Cancel)).ShouldBe(0);

        var card = DatasetCard.Text(new()
        {
            Study = await db.Studies.SingleAsync(s => s.Id == studyId, Cancel), File = DatasetFile.Find("trl.jsonl")!, Lines = 0, Sha256 = "0", Annotators = 1, Policies = [], Imports = [], At = DateTime.UtcNow,
            Counts = await app.Services.GetRequiredService<DatasetExport>().CountAsync(admin.Current, studyId, Cancel),
        });
        card.ShouldContain("simulated annotators made every judgment in this file");
    }

    [Fact]
    public void A_simulated_annotator_errs_as_often_as_it_is_told_to()
    {
        var judge = new SimulatedJudge(new SentimentScorer(0, new Dictionary<string, double> { ["good"] = 1, ["bad"] = -1 }), noise: 0.2, new Random(1));
        var shown = new ShownComparison(1, "It is", [1, 0], [" good", " bad"]);

        var answers = Enumerable.Range(0, 1000).Select(_ => judge.Answer(shown, 1, 1).Answer).ToList();

        answers.Count(a => a == Answer.Right).ShouldBeInRange(160, 240);
        judge.Answer(new(1, "It is", [0, 1], [" so", " it"]), 1, 1).Answer.ShouldBe(Answer.Tie);
        judge.Answer(new(1, "It is", [0, 1, 2], [" good", " bad", " so"]), 1, 1).Tiers!.Sum(tier => tier.Count).ShouldBe(3);
    }
}

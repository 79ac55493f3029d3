using Annotator.Model.Preferences;
using Annotator.Tests.Fixtures;
using Annotator.Web.Data;
using Annotator.Web.Overview;
using Annotator.Web.Sampling;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Annotator.Tests.Web.Overview;

public sealed class OverviewReaderTests(WebApp app) : IClassFixture<WebApp>
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;
    private OverviewReader Reader => app.Services.GetRequiredService<OverviewReader>();

    [Fact]
    public async Task The_overview_answers_who_judges_whether_they_agree_and_whether_the_last_round_helped()
    {
        var admin = (await app.CreateAdminAsync("ada")).Current;
        var annotators = new[] { (await app.CreateAnnotatorAsync("ben")).Current, (await app.CreateAnnotatorAsync("cleo")).Current };
        await using var db = app.OpenDb();
        var study = db.AddStudy();
        var comparisons = db.AddComparisons(study.Id, 12);
        // Two agree on eleven of twelve; one judgment is of yesterday.
        foreach (var (i, comparison) in comparisons.Index())
        {
            foreach (var (who, annotator) in annotators.Index())
            {
                db.Judgments.Add(Judgment(comparison, annotator.Id, ahead: i == 0 ? who : i % 2, DateTime.UtcNow.AddDays(i == 11 && who == 0 ? -1 : 0)));
            }

            comparison.JudgmentCount = 2;
        }

        study.JudgmentCount = 24;
        var made = db.AddPolicy(study.Id);
        await db.SaveChangesAsync(Cancel);
        db.Rounds.Add(new()
        {
            StudyId = study.Id, Number = 1, State = RoundState.Succeeded, DirectoryName = $"overview-{study.Id}", Options = "{}", Init = RoundInit.Previous, Reference = RoundReference.Sft, Data = RoundData.All,
            InitPolicyId = made.Id - 1, ResultPolicyId = made.Id, CreatedAt = DateTime.UtcNow, EndedAt = DateTime.UtcNow,
        });
        // Of twenty blind comparisons the newer policy wins fifteen.
        var blind = db.AddComparisons(study.Id, 20, purpose: ComparisonPurpose.Evaluation);
        foreach (var (i, comparison) in blind.Index())
        {
            comparison.Responses[1].Response!.PolicyId = made.Id - 1;
            db.Judgments.Add(Judgment(comparison, annotators[0].Id, ahead: i < 15 ? 0 : 1, DateTime.UtcNow));
        }

        await db.SaveChangesAsync(Cancel);

        var overview = (await Reader.ReadAsync(admin, study.Id, cancellation: Cancel)).ShouldNotBeNull();

        overview.Judging.AtWork.ShouldBe(2);
        overview.Judging.All.ShouldBe(24);
        overview.Judging.Days.Count.ShouldBe(OverviewReader.TrendDays);
        (overview.Judging.Today + overview.Judging.Days[^2].Judgments).ShouldBe(44);
        overview.Agreement.ShouldNotBeNull().Comparisons.ShouldBe(12);
        overview.Agreement!.Alpha!.Value.ShouldBeInRange(0.8, 0.9);
        overview.Last.ShouldNotBeNull().WinRate.ShouldNotBeNull().ShouldSatisfyAllConditions(
            wins => wins.Share.ShouldBe(0.75),
            wins => wins.Interval.Low.ShouldBe(0.531, 0.001),
            wins => wins.Interval.High.ShouldBe(0.888, 0.001),
            wins => wins.Judgments.ShouldBe(20));
        overview.Health.Troubles.Select(t => t.Kind).ShouldContain(TroubleKind.Sampler, "the tests' app runs without one");
        overview.Health.FreeBytes.ShouldNotBeNull().ShouldBeGreaterThan(0);
    }

    [Fact]
    public async Task Without_blind_comparisons_the_share_of_held_out_ones_is_told_with_their_number()
    {
        var admin = (await app.CreateAdminAsync("eve")).Current;
        await using var db = app.OpenDb();
        var study = db.AddStudy();
        var (from, made) = (db.AddPolicy(study.Id), db.AddPolicy(study.Id));
        var directory = new RoundDirectory(app.Data.Round($"held-out-{study.Id}"));
        Directory.CreateDirectory(directory.Root);
        var final = new RoundMetrics { Step = 8, MaxSteps = 8, EvalRewardsAccuracies = 1, EvalRewardsMargins = 0.2 };
        new RoundResult { Status = RoundStatus.Succeeded, FinalMetrics = final, Used = new() { TrainComparisons = 9, EvalComparisons = 1 } }.Write(directory.Result);
        db.Rounds.Add(new()
        {
            StudyId = study.Id, Number = 1, State = RoundState.Succeeded, DirectoryName = $"held-out-{study.Id}", Options = "{}", Init = RoundInit.Previous, Reference = RoundReference.Sft, Data = RoundData.All,
            InitPolicyId = from.Id, ResultPolicyId = made.Id, CreatedAt = DateTime.UtcNow, EndedAt = DateTime.UtcNow,
        });
        await db.SaveChangesAsync(Cancel);

        (await Reader.ReadAsync(admin, study.Id, cancellation: Cancel))!.Last.ShouldNotBeNull().ShouldSatisfyAllConditions(
            last => last.AccuracyBefore.ShouldBeNull(),
            last => last.AccuracyAfter.ShouldBe(1),
            last => last.HeldOut.ShouldBe(1));
    }

    [Fact]
    public async Task A_failed_and_an_interrupted_round_are_told_until_another_ends_well()
    {
        var admin = (await app.CreateAdminAsync("dora")).Current;
        await using var db = app.OpenDb();
        var study = db.AddStudy();
        db.Rounds.AddRange(Round(1, RoundState.Interrupted, "The app ended."), Round(2, RoundState.Failed, "The disk is full."));
        await db.SaveChangesAsync(Cancel);

        (await Reader.ReadAsync(admin, study.Id, cancellation: Cancel))!.Health.Troubles.Where(t => t.Round is not null)
            .ShouldBe([new(TroubleKind.FailedRound, "The disk is full.", 2), new(TroubleKind.InterruptedRound, "The app ended.", 1)]);
        db.Rounds.Add(Round(3, RoundState.Succeeded, null));
        await db.Rounds.Where(r => r.StudyId == study.Id && r.Number == 1).ExecuteUpdateAsync(set => set.SetProperty(r => r.State, RoundState.Cancelled), Cancel);
        await db.SaveChangesAsync(Cancel);
        (await Reader.ReadAsync(admin, study.Id, cancellation: Cancel))!.Health.Troubles.Where(t => t.Round is not null).ShouldBeEmpty();

        Round Round(int number, RoundState state, string? reason) => new()
        {
            StudyId = study.Id, Number = number, State = state, DirectoryName = $"health-{study.Id}-{number}", Options = "{}", Init = RoundInit.Previous, Reference = RoundReference.Sft,
            Data = RoundData.All, CreatedAt = DateTime.UtcNow, EndedAt = DateTime.UtcNow.AddMinutes(number), FailureReason = reason,
        };
    }

    [Fact]
    public async Task Only_admins_and_viewers_see_it_and_a_study_that_is_not_there_is_none()
    {
        await Should.ThrowAsync<NotAllowedException>(() => Reader.ReadAsync(new("x", "x", IsAdmin: false, IsAnnotator: true), 1, cancellation: Cancel));
        (await Reader.ReadAsync(new("x", "x", IsAdmin: false, IsAnnotator: false, IsViewer: true), 1, cancellation: Cancel)).ShouldNotBeNull();
        (await Reader.ReadAsync(new("x", "x", IsAdmin: true, IsAnnotator: true), 999_999, cancellation: Cancel)).ShouldBeNull();
        app.Services.GetRequiredService<SampleProducer>().StateOf(999_999).Phase.ShouldBe(ProducerPhase.Unknown);
    }

    private static Judgment Judgment(Comparison comparison, string annotator, int ahead, DateTime at) => new()
    {
        ComparisonId = comparison.Id, StudyId = comparison.StudyId, PolicyId = comparison.PolicyId, PromptId = comparison.PromptId, AnnotatorId = annotator,
        Verdict = Verdict.Ranked, Ranking = ahead == 0 ? [[0], [1]] : [[1], [0]], SidesShown = [0, 1], Seconds = 3, GuidelinesVersion = 1, RequestId = Guid.NewGuid(), CreatedAt = at,
    };
}

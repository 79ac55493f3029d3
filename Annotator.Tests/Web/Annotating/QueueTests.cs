using System.Data.Common;
using Annotator.Web.Annotating;
using Annotator.Web.Data;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;

namespace Annotator.Tests.Web.Annotating;

/// <summary>What comes next, for whom, and what it costs to find it.</summary>
public sealed class QueueTests : IDisposable
{
    private readonly DeskDatabase database = new();
    private readonly Seat ada;
    private readonly Seat ben;

    public QueueTests() => (ada, ben) = (database.AddAnnotator("ada"), database.AddAnnotator("ben"));

    private Desk Desk => database.Desk;
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_comparison_that_wants_three_judgments_goes_to_three_people_and_to_nobody_twice()
    {
        database.Ask(task => task with { Overlap = 3 });
        var one = database.AddComparison();
        var (cleo, dan) = (database.AddAnnotator("cleo"), database.AddAnnotator("dan"));

        foreach (var annotator in new[] { ada, ben, cleo })
        {
            var shown = (await NextAsync(annotator))!;
            shown.Id.ShouldBe(one.Id);
            await JudgeAsync(annotator, shown);
            (await NextAsync(annotator)).ShouldBeNull("nobody sees it twice");
        }

        (await NextAsync(dan)).ShouldBeNull();
        database.Reread(one.Id).ShouldSatisfyAllConditions(c => c.JudgmentCount.ShouldBe(3), c => c.OpenPlaces.ShouldBe(0));
    }

    [Fact]
    public async Task Leases_count_towards_the_overlap_and_an_expired_one_opens_its_place_again()
    {
        database.Ask(task => task with { Overlap = 2 });
        database.AddComparison();
        var cleo = database.AddAnnotator("cleo");
        await NextAsync(ada);
        await NextAsync(ben);
        (await NextAsync(cleo)).ShouldBeNull();

        database.Clock.Move(Desk.Lease + TimeSpan.FromSeconds(1));

        (await NextAsync(cleo)).ShouldNotBeNull();
    }

    [Fact]
    public async Task A_late_answer_is_taken_while_a_place_is_open_and_refused_calmly_once_others_have_them_all()
    {
        database.AddComparisons(2);
        var first = (await NextAsync(ada))!;
        var second = (await NextAsync(ada, first))!;
        database.Clock.Move(Desk.Lease + TimeSpan.FromMinutes(1));
        (await JudgeAsync(ada, second)).Outcome.ShouldBe(JudgeOutcome.Judged, "nobody else had taken it");
        await Desk.ReleaseAsync(ada, [first.Id], database.Clock.Now, Cancel);

        (await NextAsync(ben))!.Id.ShouldBe(first.Id);
        var late = await JudgeAsync(ada, first);

        late.Outcome.ShouldBe(JudgeOutcome.TakenOver);
        database.Judgments().Count.ShouldBe(1);
    }

    [Fact]
    public async Task The_newest_policy_comes_first_and_under_it_the_prompts_of_higher_priority()
    {
        var urgent = database.AddPrompt("Urgent", priority: 5);
        var plain = database.AddPrompt("Plain");
        var old = database.AddComparison(urgent.Id);
        database.AddPolicy();
        var second = database.AddComparison(plain.Id);
        var first = database.AddComparison(urgent.Id);

        var order = new List<long>();
        while (await NextAsync(ada) is { } next)
        {
            order.Add(next.Id);
            await JudgeAsync(ada, next);
        }

        order.ShouldBe([first.Id, second.Id, old.Id]);
    }

    [Fact]
    public async Task Gold_comparisons_come_at_the_studys_rate_once_to_each_and_take_no_ones_place()
    {
        database.Ask(task => task with { GoldRate = 0.25, ShowsGoldFeedback = true });
        database.AddComparisons(150);
        var gold = database.AddComparisons(60, purpose: ComparisonPurpose.Gold);
        await using (var db = database.CreateDbContext())
        {
            await db.Comparisons.Where(c => c.Purpose == ComparisonPurpose.Gold).ForEachAsync(c => c.GoldRanking = [[1], [0]], Cancel);
            await db.SaveChangesAsync(Cancel);
        }

        var golds = 0;
        for (var i = 0; i < 120; i++)
        {
            var shown = (await NextAsync(ada))!;
            var isGold = gold.Any(c => c.Id == shown.Id);
            golds += isGold ? 1 : 0;
            var result = await JudgeAsync(ada, shown, shown.Sides[0] == 1 ? Answer.Left : Answer.Right);
            (result.Gold is not null).ShouldBe(isGold, "only gold comparisons have an answer to tell");
            result.Gold?.Correct.ShouldBeTrue();
        }

        golds.ShouldBeInRange(15, 47, "99.9% of Binomial(120, 0.25)");
        database.Judgments().Select(j => j.ComparisonId).ShouldBeUnique();
        database.Judgments().Count(j => j.GoldCorrect == true).ShouldBe(golds);
        var bens = await NextAsync(ben);
        bens.ShouldNotBeNull();
        (await Desk.ProgressAsync(ada, Cancel)).Gold.ShouldBe(new GoldAgreement(golds, golds));
    }

    [Fact]
    public async Task A_repeat_comes_after_twenty_others_with_its_sides_shuffled_anew_and_counts_for_nobody()
    {
        database.AddComparisons(200);
        for (var i = 0; i < 25; i++)
        {
            await JudgeAsync(ada, (await NextAsync(ada))!);
        }

        database.Ask(task => task with { RepeatRate = 0.5 });
        for (var i = 0; i < 60; i++)
        {
            await JudgeAsync(ada, (await NextAsync(ada))!);
        }

        var judgments = database.Judgments();
        var repeats = judgments.Where(j => j.Origin == JudgmentOrigin.Repeat).ToList();
        repeats.Count.ShouldBeInRange(16, 44, "99.9% of Binomial(60, 0.5)");
        repeats.Select(r => r.ComparisonId).ShouldBeUnique();
        foreach (var repeat in repeats)
        {
            var first = judgments.Single(j => j.ComparisonId == repeat.ComparisonId && j.Origin == JudgmentOrigin.Queue);
            judgments.Count(j => j.Id > first.Id && j.Id < repeat.Id).ShouldBeGreaterThanOrEqualTo(20);
            database.Reread(repeat.ComparisonId).ShouldSatisfyAllConditions(c => c.JudgmentCount.ShouldBe(1), c => c.OpenPlaces.ShouldBe(0));
        }

        repeats.ShouldContain(r => !judgments.First(j => j.ComparisonId == r.ComparisonId).SidesShown.SequenceEqual(r.SidesShown));
    }

    [Fact]
    public async Task Comparisons_between_two_policies_come_at_their_rate_each_to_one_annotator_and_are_never_asked_again()
    {
        database.AddComparisons(150);
        var old = database.AddComparisons(60, purpose: ComparisonPurpose.Evaluation);
        database.Evaluate(0.25);
        database.Ask(task => task with { Overlap = 2, RepeatRate = 0.1 });

        for (var i = 0; i < 120; i++)
        {
            await JudgeAsync(ada, (await NextAsync(ada))!);
        }

        var between = database.Judgments().Where(j => old.Any(c => c.Id == j.ComparisonId)).ToList();
        between.Count.ShouldBeInRange(15, 47, "99.9% of Binomial(120, 0.25)");
        between.ShouldAllBe(j => j.Origin == JudgmentOrigin.Queue);
        between.Select(j => j.ComparisonId).ShouldBeUnique();
        foreach (var judgment in between)
        {
            database.Reread(judgment.ComparisonId).ShouldSatisfyAllConditions(c => c.JudgmentCount.ShouldBe(1), c => c.OpenPlaces.ShouldBe(0));
        }

        database.Evaluate(0.5);
        for (var i = 0; i < 20; i++)
        {
            await JudgeAsync(ben, (await NextAsync(ben))!);
        }

        database.Judgments().Where(j => old.Any(c => c.Id == j.ComparisonId)).Select(j => j.ComparisonId).ShouldBeUnique("one judgment of each is enough");
    }

    [Fact]
    public async Task Whoever_has_judged_all_of_the_stock_goes_on_with_those_between_two_policies_whatever_their_rate()
    {
        database.AddComparisons(5);
        var between = database.AddComparisons(3, purpose: ComparisonPurpose.Evaluation);
        database.Evaluate(0.01);

        for (var i = 0; i < 8; i++)
        {
            await JudgeAsync(ada, (await NextAsync(ada)).ShouldNotBeNull($"after {i}"));
        }

        database.Judgments().Count(j => between.Any(c => c.Id == j.ComparisonId)).ShouldBe(3);
        (await NextAsync(ada)).ShouldBeNull();
    }

    [Fact]
    public async Task The_days_target_ends_the_day_unless_the_annotator_goes_on()
    {
        database.Ask(task => task with { DailyTarget = 2 });
        database.AddComparisons(5);
        var first = (await NextAsync(ada))!;
        var second = (await NextAsync(ada, first))!;
        (await NextAsync(ada, first, second)).ShouldBeNull("two are on the desk already");

        (await Desk.JudgeAsync(ada, Press(first, Answer.Left) with { PrefetchedId = second.Id }, Cancel)).Next.ShouldBeNull();
        await JudgeAsync(ada, second);

        (await NextAsync(ada)).ShouldBeNull();
        (await Desk.WhyEmptyAsync(ada, Cancel)).ShouldBe(EmptyDesk.TargetReached);
        (await NextAsync(ada with { BeyondTarget = true })).ShouldNotBeNull();
        (await NextAsync(ben)).ShouldNotBeNull("each has a target of one's own");
        database.Clock.Move(TimeSpan.FromDays(1));
        (await NextAsync(ada)).ShouldNotBeNull();
    }

    [Fact]
    public async Task Several_studies_are_offered_with_ones_own_progress_in_each()
    {
        database.AddComparisons(2);
        await JudgeAsync(ada, (await NextAsync(ada))!);
        long other;
        await using (var db = database.CreateDbContext())
        {
            var archived = new Study { Name = "Old", Guidelines = "", Sampling = new(), IsArchived = true, CreatedAt = database.Clock.Now };
            var ranking = new Study
            {
                Name = "Haikus", Guidelines = "", Sampling = new(), CreatedAt = database.Clock.Now,
                Task = new() { Kind = TaskKind.Ranking, ResponsesPerComparison = 4, DailyTarget = 30 },
            };
            db.Studies.AddRange(archived, ranking);
            await db.SaveChangesAsync(Cancel);
            other = ranking.Id;
        }

        var studies = await Desk.StudiesAsync(ada.Person, TimeSpan.Zero, Cancel);

        studies.ShouldBe(
        [
            new(database.StudyId, "Film reviews", TaskKind.Pairwise, 2, new(1, 1), null, HasWork: true),
            new(other, "Haikus", TaskKind.Ranking, 4, new(0, 0), 30, HasWork: false),
        ]);
        (await Desk.StudyAsync(ada.Person, other, Cancel))!.Task.ResponsesPerComparison.ShouldBe(4);
    }

    [Fact]
    public async Task No_operation_of_the_desk_scans_comparisons_responses_or_judgments()
    {
        database.Ask(task => task with { GoldRate = 0.4, RepeatRate = 0.4, DailyTarget = 1000, ShowsGoldFeedback = true });
        database.AddComparisons(60);
        database.AddComparisons(10, purpose: ComparisonPurpose.Gold);
        database.AddComparisons(10, purpose: ComparisonPurpose.Evaluation);
        database.Evaluate(0.15);
        var log = new CommandLog();
        var desk = database.NewDesk(log);

        var shown = (await desk.NextAsync(ada, [], Cancel))!;
        for (var i = 0; i < 40; i++)
        {
            var press = Press(shown, Answer.Left) with { Edit = i % 10 == 0 ? new(0, $"Better {i}.") : null };
            shown = (await desk.JudgeAsync(ada, press, Cancel)).Next!;
            await desk.SaveDraftAsync(ada, shown.Id, new() { Comment = "so far" }, Cancel);
        }

        await desk.UndoAsync(ada, Guid.NewGuid(), Cancel);
        await desk.ReleaseAsync(ada, [shown.Id], database.Clock.Now, Cancel);
        var page = await desk.HistoryAsync(ada, null, Cancel);
        await desk.HistoryAsync(ada, page.Before, Cancel);
        var entry = page.Entries.First(e => e.Answer == Answer.Left);
        await desk.ReviseAsync(ada, entry.JudgmentId, Press(entry.Comparison, Answer.Right), Cancel);
        await desk.ProgressAsync(ada, Cancel);
        await desk.StudiesAsync(ada.Person, TimeSpan.Zero, Cancel);

        log.Plans.Count.ShouldBeGreaterThan(30);
        log.Plans.Where(plan => plan.Value.Any(IsScan)).Select(plan => $"{plan.Key}\n{string.Join("\n", plan.Value)}").ShouldBeEmpty();

        static bool IsScan(string step) =>
            step.StartsWith("SCAN", StringComparison.Ordinal) && step.Split(' ')[1] is "c" or "j" or "r" or "r0" or "c0" or "j0" or "n" or "o"
                or "Comparisons" or "Judgments" or "Responses" or "ComparisonResponses" or "Prompts";
    }

    public void Dispose() => database.Dispose();

    private Task<ShownComparison?> NextAsync(Seat annotator, params ShownComparison[] except) =>
        Desk.NextAsync(annotator, [.. except.Select(c => c.Id)], Cancel);

    private Task<JudgeResult> JudgeAsync(Seat annotator, ShownComparison shown, Answer answer = Answer.Left)
    {
        database.Clock.Move(TimeSpan.FromSeconds(2));
        return Desk.JudgeAsync(annotator, Press(shown, answer), Cancel);
    }

    private static JudgeRequest Press(ShownComparison comparison, Answer answer) => new()
    {
        Comparison = comparison, Answer = answer, Seconds = 2, GuidelinesVersion = 1, RequestId = Guid.NewGuid(),
    };

    /// <summary>Asks SQLite for the plan of every command, before it runs.</summary>
    private sealed class CommandLog : DbCommandInterceptor
    {
        public Dictionary<string, IReadOnlyList<string>> Plans { get; } = [];

        public override InterceptionResult<DbDataReader> ReaderExecuting(DbCommand command, CommandEventData eventData, InterceptionResult<DbDataReader> result)
        {
            Explain(command);
            return result;
        }

        public override ValueTask<InterceptionResult<DbDataReader>> ReaderExecutingAsync(
            DbCommand command, CommandEventData eventData, InterceptionResult<DbDataReader> result, CancellationToken cancellationToken = default)
        {
            Explain(command);
            return new(result);
        }

        public override ValueTask<InterceptionResult<int>> NonQueryExecutingAsync(
            DbCommand command, CommandEventData eventData, InterceptionResult<int> result, CancellationToken cancellationToken = default)
        {
            Explain(command);
            return new(result);
        }

        private void Explain(DbCommand command)
        {
            if (Plans.ContainsKey(command.CommandText))
            {
                return;
            }

            using var explain = command.Connection!.CreateCommand();
            explain.Transaction = command.Transaction;
#pragma warning disable CA2100 // The app's own commands.
            explain.CommandText = $"EXPLAIN QUERY PLAN {command.CommandText}";
#pragma warning restore CA2100
            foreach (DbParameter parameter in command.Parameters)
            {
                var copy = explain.CreateParameter();
                (copy.ParameterName, copy.Value) = (parameter.ParameterName, parameter.Value);
                explain.Parameters.Add(copy);
            }

            var steps = new List<string>();
            using var reader = explain.ExecuteReader();
            while (reader.Read())
            {
                steps.Add(reader.GetString(3));
            }

            Plans[command.CommandText] = steps;
        }
    }
}

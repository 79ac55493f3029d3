using Annotator.Web.Data;
using Annotator.Web.Live;
using Annotator.Web.Rounds;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;

namespace Annotator.Tests.Web.Rounds;

public sealed class AutomaticRoundsTests
{
    private readonly CancellationToken cancellation = TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_rule_starts_one_round_after_every_so_many_new_preferences()
    {
        await using var data = await RoundsDatabase.CreateAsync();
        var trainer = new ScriptedTrainer((directory, _) => Task.FromResult(ScriptedTrainer.Succeed(directory)));
        var (runner, operations) = data.Rounds(trainer);
        using var rule = new AutomaticRounds(data, data.Snapshot, operations, data.Feed, NullLogger<AutomaticRounds>.Instance);
        await runner.StartAsync(cancellation);
        await rule.StartAsync(cancellation);
        await data.AddPreferencesAsync(3);

        await rule.LookAsync(data.StudyId, cancellation);
        (await RoundsAsync(data)).ShouldBe(0, "the rule is off until somebody sets it");

        await operations.SetRuleAsync(data.Admin, data.StudyId, 5, cancellation: cancellation);
        await data.JudgeAsync(await data.AddComparisonAsync("A tie"), [[0, 1]]);
        await data.AddPreferencesAsync(1, from: 10);
        await rule.LookAsync(data.StudyId, cancellation);
        (await RoundsAsync(data)).ShouldBe(0, "four preferences and a tie are not five preferences");

        await data.AddPreferencesAsync(1, from: 20);
        // Many judgments at once: each says "look", and one round starts.
        for (var i = 0; i < 20; i++)
        {
            data.Feed.Publish(new JudgmentCounted(data.StudyId, i));
        }

        await Fixtures.Until.TrueAsync(async () => await RoundsAsync(data, RoundState.Succeeded) == 1);
        await rule.LookAsync(data.StudyId, cancellation);
        (await RoundsAsync(data)).ShouldBe(1);

        await data.AddPreferencesAsync(5, from: 30);
        data.Feed.Publish(new JudgmentCounted(data.StudyId, 10));
        await Fixtures.Until.TrueAsync(async () => await RoundsAsync(data, RoundState.Succeeded) == 2);
        await rule.StopAsync(cancellation);

        await using var db = data.CreateDbContext();
        (await db.Rounds.AllAsync(r => r.StartedById == null, cancellation)).ShouldBeTrue();
        (await db.AuditEntries.OrderBy(a => a.Id).Select(a => a.Action).ToListAsync(cancellation)).ShouldBe(["round.rule", "round.start", "round.start"]);
        trainer.MostAtOnce.ShouldBe(1);
    }

    [Fact]
    public async Task The_rule_makes_no_more_rounds_a_day_than_it_may()
    {
        await using var data = await RoundsDatabase.CreateAsync();
        var (runner, operations) = data.Rounds(new ScriptedTrainer((directory, _) => Task.FromResult(ScriptedTrainer.Succeed(directory))));
        using var rule = new AutomaticRounds(data, data.Snapshot, operations, data.Feed, NullLogger<AutomaticRounds>.Instance);
        await runner.StartAsync(cancellation);
        await operations.SetRuleAsync(data.Admin, data.StudyId, every: 2, aDay: 2, cancellation);
        for (var i = 0; i < 4; i++)
        {
            await data.AddPreferencesAsync(2, from: 10 * i);
            await rule.LookAsync(data.StudyId, cancellation);
            await Fixtures.Until.TrueAsync(async () => await RoundsAsync(data, RoundState.Succeeded) == await RoundsAsync(data));
        }

        (await RoundsAsync(data)).ShouldBe(2);
        await using (var db = data.CreateDbContext())
        {
            await db.Rounds.ExecuteUpdateAsync(set => set.SetProperty(r => r.CreatedAt, r => r.CreatedAt.AddDays(-1)), cancellation);
        }

        await rule.LookAsync(data.StudyId, cancellation);
        (await RoundsAsync(data)).ShouldBe(3, "a day has gone by");
        await Fixtures.Until.TrueAsync(async () => await RoundsAsync(data, RoundState.Succeeded) == 3);
        await Should.ThrowAsync<RefusedException>(() => operations.SetRuleAsync(data.Admin, data.StudyId, every: 2, aDay: 0, cancellation));
    }

    [Fact]
    public async Task A_round_that_fails_does_not_make_the_rule_start_another_at_once()
    {
        await using var data = await RoundsDatabase.CreateAsync();
        var (runner, operations) = data.Rounds(new ScriptedTrainer((_, _) => throw new IOException("The disk is full")));
        using var rule = new AutomaticRounds(data, data.Snapshot, operations, data.Feed, NullLogger<AutomaticRounds>.Instance);
        await runner.StartAsync(cancellation);
        await operations.SetRuleAsync(data.Admin, data.StudyId, 2, cancellation: cancellation);
        await data.AddPreferencesAsync(4);

        await rule.LookAsync(data.StudyId, cancellation);
        await Fixtures.Until.TrueAsync(async () => await RoundsAsync(data, RoundState.Failed) == 1);
        await rule.LookAsync(data.StudyId, cancellation);

        (await RoundsAsync(data)).ShouldBe(1);
    }

    private static async Task<int> RoundsAsync(RoundsDatabase data, RoundState? state = null)
    {
        await using var db = data.CreateDbContext();
        return await db.Rounds.CountAsync(r => state == null || r.State == state);
    }
}

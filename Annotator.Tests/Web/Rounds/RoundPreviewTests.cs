using Annotator.Model.Preferences;
using Annotator.Web.Data;
using Annotator.Web.Rounds;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Tests.Web.Rounds;

public sealed class RoundPreviewTests
{
    private readonly CancellationToken cancellation = TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_preview_tells_who_said_what_of_which_policy_how_far_they_agree_and_how_long_it_will_take()
    {
        await using var data = await RoundsDatabase.CreateAsync();
        for (var i = 0; i < 10; i++)
        {
            var comparison = await data.AddComparisonAsync($"Film {i}");
            await data.JudgeAsync(comparison);
            if (i < 4)
            {
                // Four are judged twice, one of them the other way round.
                await data.JudgeAsync(comparison, i == 0 ? [[1], [0]] : [[0], [1]], annotator: "annotator-2");
                await using var db = data.CreateDbContext();
                await db.Comparisons.Where(c => c.Id == comparison).ExecuteUpdateAsync(set => set.SetProperty(c => c.JudgmentCount, 2), cancellation);
            }
        }

        await data.JudgeAsync(await data.AddComparisonAsync("A tie"), [[0, 1]]);
        var previews = new RoundPreviewReader(data, data.Snapshot);

        var before = await previews.ReadAsync(data.Admin, data.StudyId, RoundData.All, cancellation);

        before.Counts.Preferences.ShouldBe(14);
        before.Counts.LeftOut[LeftOut.Tie].ShouldBe(1);
        before.ByPolicy.ShouldBe([(0, 14)]);
        before.ByAnnotator.ShouldBe([("name of annotator-1", 10), ("name of annotator-2", 4)]);
        before.JudgedTwice.ShouldBe(4);
        // Krippendorff by hand: of eight values one is the other; D_o = 2/8, D_e = 2·7/56.
        before.Agreement!.Value.ShouldBe(0, 1e-9);
        before.Estimate(data.Request.Options).ShouldBeNull("no round has told how long one takes");

        var (runner, operations) = data.Rounds(new ScriptedTrainer((directory, _) => Task.FromResult(ScriptedTrainer.Succeed(directory))));
        await runner.StartAsync(cancellation);
        var id = await operations.StartAsync(data.Admin, data.Request with { Options = data.Request.Options with { NumTrainEpochs = 2 } }, cancellation);
        await data.UntilStateAsync(id, RoundState.Succeeded);
        await using (var db = data.CreateDbContext())
        {
            await db.Rounds.ExecuteUpdateAsync(set => set.SetProperty(r => r.EndedAt, r => r.StartedAt!.Value.AddSeconds(28)), cancellation);
        }

        // 14 preferences, two passes, 28 seconds: one second each. Three passes are 42.
        var after = await previews.ReadAsync(data.Admin, data.StudyId, RoundData.All, cancellation);
        after.Estimate(data.Request.Options with { NumTrainEpochs = 3 })!.Value.TotalSeconds.ShouldBe(42, 0.1);
        await Should.ThrowAsync<NotAllowedException>(() => previews.ReadAsync(data.Annotator, data.StudyId, RoundData.All, cancellation));
    }
}

using Annotator.Model.Preferences;
using Annotator.Web.Data;
using Annotator.Web.Rounds;

namespace Annotator.Tests.Web.Rounds;

public sealed class RoundSnapshotTests
{
    private static readonly string[] Prompts = [.. Enumerable.Range(0, 200).Select(i => $"Prompt {i}").Where(p => !RoundSelection.IsForEvaluation(p, 1)).Take(8)];
    private static readonly string Measuring = Enumerable.Range(0, 200).Select(i => $"Prompt {i}").First(p => RoundSelection.IsForEvaluation(p, 1));

    private readonly CancellationToken cancellation = TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_snapshot_holds_the_current_preferences_and_counts_what_it_leaves_out()
    {
        await using var data = await RoundsDatabase.CreateAsync();
        var directory = new RoundDirectory(data.Folder.Round("snapshot"));
        var kept = await data.JudgeAsync(await data.AddComparisonAsync(Prompts[0], promptTokens: [80, 81]));
        await data.JudgeAsync(await data.AddComparisonAsync(Prompts[1]), [[0, 1]]);
        await data.JudgeAsync(await data.AddComparisonAsync(Prompts[2]), verdict: Verdict.BothBad);
        await data.JudgeAsync(await data.AddComparisonAsync(Prompts[3]), verdict: Verdict.Skipped, skip: SkipReason.Unsafe);
        await data.JudgeAsync(await data.AddComparisonAsync(Prompts[4], split: PromptSplit.Heldout));
        await data.JudgeAsync(await data.AddComparisonAsync(Measuring));
        var revised = await data.AddComparisonAsync(Prompts[5]);
        await data.JudgeAsync(revised, [[1], [0]], supersedes: await data.JudgeAsync(revised));
        var undone = await data.AddComparisonAsync(Prompts[6]);
        await data.JudgeAsync(undone, verdict: Verdict.Withdrawn, supersedes: await data.JudgeAsync(undone));
        var last = await data.JudgeAsync(await data.AddComparisonAsync(Prompts[7], purpose: ComparisonPurpose.Gold));

        var counts = await data.Snapshot.WriteAsync(data.StudyId, RoundData.All, "hash of the reference", directory, cancellation);

        counts.Train.ShouldBe(2);
        counts.Eval.ShouldBe(1);
        counts.LastJudgmentId.ShouldBe(last);
        counts.LeftOut.ShouldBe(
            new Dictionary<LeftOut, int>
            {
                [LeftOut.Tie] = 1, [LeftOut.BothBad] = 1, [LeftOut.Skipped] = 1, [LeftOut.HeldOutPrompt] = 1, [LeftOut.Withdrawn] = 1, [LeftOut.NotForTraining] = 1,
            },
            ignoreOrder: true);
        var lines = JsonLines.Read<PreferenceLine>(directory.Preferences).ToList();
        lines.Select(line => line.Prompt.Text).ShouldBe([Prompts[0], Measuring, Prompts[5]]);
        lines.Select(line => line.Split).ShouldBe([PreferenceSplit.Train, PreferenceSplit.Eval, PreferenceSplit.Train]);
        lines[0].Id.ShouldEndWith($"/{kept}");
        lines[0].PromptTokenIds.ShouldBe([80, 81]);
        lines[0].Completions[0].TokenIds.ShouldBe([.. " first"u8.ToArray().Select(b => (int)b), 256]);
        lines[1].PromptTokenIds.ShouldBeNull();
        lines[2].Ranking.ShouldBe(Ranking.Prefer(1, 0), "the revision counts, not what it replaced");

        var read = await RoundSnapshot.ReadCountsAsync(directory, cancellation);
        read.ShouldNotBeNull().LeftOutInAll.ShouldBe(6);
        (await data.Snapshot.CountAsync(data.StudyId, RoundData.All, cancellation)).Preferences.ShouldBe(3, "the preview says what the round will take");
    }

    [Fact]
    public async Task New_data_starts_after_the_last_successful_round()
    {
        await using var data = await RoundsDatabase.CreateAsync();
        var seen = await data.JudgeAsync(await data.AddComparisonAsync(Prompts[0]));
        await using (var db = data.CreateDbContext())
        {
            db.Rounds.AddRange(Round(1, RoundState.Succeeded, seen), Round(2, RoundState.Failed, seen + 1));
            await db.SaveChangesAsync(cancellation);
        }

        await data.JudgeAsync(await data.AddComparisonAsync(Prompts[1]));

        (await data.Snapshot.CountAsync(data.StudyId, RoundData.New, cancellation)).Train.ShouldBe(1);
        (await data.Snapshot.CountAsync(data.StudyId, RoundData.All, cancellation)).Train.ShouldBe(2);

        Round Round(int number, RoundState state, long last) => new()
        {
            StudyId = data.StudyId, Number = number, State = state, DirectoryName = $"{number}", Options = "{}", Init = RoundInit.Previous,
            Reference = RoundReference.Sft, Data = RoundData.All, LastJudgmentId = last, CreatedAt = DateTime.UtcNow,
        };
    }
}

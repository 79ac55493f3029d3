using Annotator.Model.Preferences;
using Annotator.Web.Data;
using Annotator.Web.Rounds;

namespace Annotator.Tests.Web.Rounds;

public sealed class RoundSelectionTests
{
    private static readonly JudgedComparison Preferred = new()
    {
        JudgmentId = 7, ComparisonId = 3, Verdict = Verdict.Ranked, Ranking = [[1], [0]], Purpose = ComparisonPurpose.Train,
        Prompt = "This film", PromptSplit = PromptSplit.Train,
        Responses = [new(" is dull.", [1, 2, 256], [9, 8], "hash-a"), new(" is a joy.", [3, 256], [9, 8], "hash-b")],
    };

    [Fact]
    public void A_preference_becomes_a_line_with_the_tokens_that_were_sampled()
    {
        RoundSelection.ReasonToLeaveOut(Preferred).ShouldBeNull();
        var line = RoundSelection.Line(Preferred, evalSeed: 1);

        line.Id.ShouldBe("3/7");
        line.Prompt.Text.ShouldBe("This film");
        line.PromptTokenIds.ShouldBe([9, 8]);
        line.Completions.Select(c => c.Text).ShouldBe([" is dull.", " is a joy."]);
        line.Completions[0].TokenIds.ShouldBe([1, 2, 256]);
        line.Completions[1].Policy.ShouldBe("hash-b");
        line.Ranking.ShouldBe(Ranking.Prefer(1, 0));
        line.Problem().ShouldBeNull();
    }

    [Fact]
    public void A_tie_is_never_trained_as_a_preference() =>
        RoundSelection.ReasonToLeaveOut(Preferred with { Ranking = [[0, 1]] }).ShouldBe(LeftOut.Tie);

    [Theory]
    [InlineData(Verdict.BothBad, LeftOut.BothBad)]
    [InlineData(Verdict.Skipped, LeftOut.Skipped)]
    [InlineData(Verdict.Withdrawn, LeftOut.Withdrawn)]
    public void Answers_without_a_ranking_are_left_out_by_their_own_names(Verdict verdict, LeftOut why) =>
        RoundSelection.ReasonToLeaveOut(Preferred with { Verdict = verdict, Ranking = null }).ShouldBe(why);

    [Fact]
    public void Held_out_prompts_and_comparisons_for_other_purposes_are_not_trained_on()
    {
        RoundSelection.ReasonToLeaveOut(Preferred with { PromptSplit = PromptSplit.Heldout }).ShouldBe(LeftOut.HeldOutPrompt);
        RoundSelection.ReasonToLeaveOut(Preferred with { Purpose = ComparisonPurpose.Evaluation }).ShouldBe(LeftOut.NotForTraining);
        RoundSelection.ReasonToLeaveOut(Preferred with { Purpose = ComparisonPurpose.Gold }).ShouldBe(LeftOut.NotForTraining);
    }

    [Fact]
    public void A_preference_between_identical_texts_says_nothing() =>
        RoundSelection.ReasonToLeaveOut(Preferred with { Responses = [new(" the same", null, null, "a"), new(" the same", null, null, "b")] })
            .ShouldBe(LeftOut.IdenticalTexts);

    [Fact]
    public void A_ranking_of_three_keeps_its_tie()
    {
        var judged = Preferred with { Ranking = [[2], [0, 1]], Responses = [.. Preferred.Responses, new(" is fine.", null, null, "hash-c")] };

        RoundSelection.ReasonToLeaveOut(judged).ShouldBeNull();
        RoundSelection.Line(judged, 1).Ranking.ToString().ShouldBe("[[2],[0,1]]");
    }

    [Fact]
    public void Prompt_tokens_are_given_only_if_every_response_saw_the_same()
    {
        var differing = Preferred with { Responses = [new(" a", [1], [9, 8], "h"), new(" b", [2], [9, 9], "h")] };
        var unknown = Preferred with { Responses = [new(" a", [1], [9, 8], "h"), new(" b", null, null, "h")] };

        RoundSelection.Line(differing, 1).PromptTokenIds.ShouldBeNull();
        RoundSelection.Line(unknown, 1).PromptTokenIds.ShouldBeNull();
        RoundSelection.Line(unknown, 1).Completions[1].TokenIds.ShouldBeNull();
    }

    [Fact]
    public void A_tenth_of_the_prompts_measure_and_each_keeps_its_part()
    {
        var prompts = Enumerable.Range(0, 5_000).Select(i => $"Prompt {i}").ToList();
        var measuring = prompts.Where(p => RoundSelection.IsForEvaluation(p, seed: 1)).ToList();

        measuring.Count.ShouldBeInRange(420, 580);
        prompts.Where(p => RoundSelection.IsForEvaluation(p, seed: 1)).ShouldBe(measuring);
        prompts.Where(p => RoundSelection.IsForEvaluation(p, seed: 2)).ShouldNotBe(measuring);
        // The hash is part of the contract between rounds: another one would train on what an earlier round measured on.
        prompts.FindIndex(p => RoundSelection.IsForEvaluation(p, seed: 1)).ShouldBe(1);
    }
}

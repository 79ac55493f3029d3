using Annotator.Model.Checkpoints;
using Annotator.Model.Evaluation;
using Annotator.Model.Preferences;
using Annotator.Model.Training;
using Annotator.Tests.Fixtures;

namespace Annotator.Tests.Model.Evaluation;

[Collection(TorchCollection.Name)]
public sealed class PolicyEvaluationTests : IDisposable
{
    private static readonly IReadOnlyList<IReadOnlyList<int>> Prompts = [[65], [66, 67]];

    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Of_policies_that_ignore_their_context_the_KL_is_known_and_so_is_the_score()
    {
        // π says a and b with 3/4 and 1/4, πref with 1/4 and 3/4: log 3 · (3/4 − 1/4) nats a token.
        using var policy = PolicyDirectory.Open(TinyPolicy.WriteUnigram(_directory["policy"], id => id == 'a' ? MathF.Log(3) : id == 'b' ? 0 : TinyPolicy.Never));
        using var reference = PolicyDirectory.Open(TinyPolicy.WriteUnigram(_directory["reference"], id => id == 'b' ? MathF.Log(3) : id == 'a' ? 0 : TinyPolicy.Never));

        var measures = PolicyEvaluation.Sample(policy, reference.Model, Prompts, n: 200, maxTokens: 8, seed: 1, LettersA, TestContext.Current.CancellationToken);

        measures.Samples.ShouldBe(400);
        measures.MeanLength.ShouldBe(8);
        measures.EndedShare.ShouldBe(0);
        measures.ObjectiveKl.ShouldBe(8 * Math.Log(3) / 2, 3 * measures.ObjectiveKlStandardError!.Value);
        measures.ObjectiveKlStandardError.Value.ShouldBe(Math.Sqrt(8 * 3.0 / 16) * 2 * Math.Log(3) / 20, 0.02);
        measures.ObjectiveScores!.Value.ShouldBe(6, 3 * measures.ObjectiveScoresStandardError!.Value);
        measures.Distinct1.ShouldBe(2.0 / 3200);
        measures.Responses[0].Prompt.ShouldBe("A");
        measures.Scores.Count.ShouldBe(400);
    }

    [Fact]
    public void A_policy_is_no_way_from_itself_and_the_same_seed_gives_the_same_samples()
    {
        using var policy = PolicyDirectory.Open(TinyPolicy.WriteRandom(_directory["policy"]));

        var measures = PolicyEvaluation.Sample(policy, policy.Model, Prompts, n: 8, maxTokens: 20, seed: 3, null, TestContext.Current.CancellationToken);
        var again = PolicyEvaluation.Sample(policy, policy.Model, Prompts, n: 8, maxTokens: 20, seed: 3, null, TestContext.Current.CancellationToken);

        measures.ObjectiveKl.ShouldBe(0, 1e-4);
        measures.ObjectiveScores.ShouldBeNull();
        again.ObjectiveKl.ShouldBe(measures.ObjectiveKl);
        measures.Responses.Select(response => response.Response).Distinct().Count().ShouldBe(16); // also those to the same prompt
    }

    [Fact]
    public void On_preferences_a_policy_that_is_the_reference_has_the_loss_of_a_coin()
    {
        using var policy = PolicyDirectory.Open(Oracles.Find("models/gpt2"));
        TokenComparison Comparison(int[] better, int[] worse) => new()
        {
            Id = "c",
            Prompt = [5, 6],
            Completions = [better, worse],
            Ranking = Ranking.Prefer(0, 1),
            ReferenceLogps = [-1, -99],                                                           // of another reference: computed anew
        };

        var measures = PolicyEvaluation.Preferences(
            policy.Model, policy.Model, [Comparison([7, 8], [9]), Comparison([1], [2, 3])], RoundOptions.AppDefaults("-", "-"), TestContext.Current.CancellationToken);

        measures.Loss.ShouldBe(Math.Log(2), 1e-6);
        measures.RewardsMargins.ShouldBe(0, 1e-6);
    }

    [Fact]
    public void The_best_of_many_has_the_highest_score_among_them()
    {
        using var policy = PolicyDirectory.Open(TinyPolicy.WriteUnigram(_directory["policy"], id => id is 'a' or 'b' ? 0 : TinyPolicy.Never));

        var best = BestOfN.Sample(policy, Prompts, n: 3, of: 32, new() { MaxTokens = 6, Seed = 5 }, LettersA, TestContext.Current.CancellationToken).ToList();

        best.Select(one => (one.Response.PromptIndex, one.Response.Index)).ShouldBe([(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]);
        best.ShouldAllBe(one => one.Score == one.Response.TokenIds.Count(id => id == 'a'));
        best.Average(one => one.Score).ShouldBeGreaterThan(4.5);                                  // 3 is the mean of one, 5 or 6 of the best of 32
    }

    private static IReadOnlyList<double> LettersA(IReadOnlyList<PromptedResponse> responses) => [.. responses.Select(response => (double)response.ResponseIds.Count(id => id == 'a'))];
}

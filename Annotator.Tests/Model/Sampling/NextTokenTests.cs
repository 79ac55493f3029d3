using Annotator.Model.Sampling;
using CsCheck;

namespace Annotator.Tests.Model.Sampling;

public sealed class NextTokenTests
{
    private const int Draws = 200_000;

    // Eleven tokens: more than one vector of any width does not divide it, and two are equal.
    private static readonly float[] Logits = [1f, -0.5f, 2.5f, 0.3f, 0.3f, -2f, 1.7f, -4f, 0f, float.NegativeInfinity, 2.2f];

    // Twice the most probable one, a negative one, one of the two equals, and the excluded one.
    private static readonly int[] Seen = [2, 1, 2, 3, 9];

    [Theory]
    [InlineData(1, 0, 1)]
    [InlineData(0.7, 0, 1)]
    [InlineData(2, 0, 1)]
    [InlineData(1, 3, 1)]
    [InlineData(1, 5, 1)]      // cuts between the two equal logits
    [InlineData(1, 0, 0.5)]
    [InlineData(0.8, 0, 0.9)]
    [InlineData(1.3, 4, 0.7)]
    [InlineData(1, 500, 1)]
    [InlineData(1, 0, 1, 0.2)]
    [InlineData(0.6, 0, 1, 0.2)]
    [InlineData(1.5, 6, 0.8, 0.4)]
    [InlineData(1, 0, 1, 1)]   // only the most probable token
    [InlineData(1, 0, 1, 0, 1.5)]
    [InlineData(1, 0, 1, 0, 0.5)]
    [InlineData(0.7, 5, 0.9, 0.1, 2.5)]
    public void Tokens_come_as_often_as_the_truncated_distribution_says(
        double temperature, int topK, double topP, double minP = 0, double repetitionPenalty = 1)
    {
        var options = new SamplingOptions { Temperature = temperature, TopK = topK, TopP = topP, MinP = minP, RepetitionPenalty = repetitionPenalty };
        var expected = ExactProbabilities(Logits, options, Seen);
        var random = new RandomNumbers(1, 0);

        var counts = new int[Logits.Length];
        for (var i = 0; i < Draws; i++)
            counts[NextToken.Choose(Logits, options, random.NextUniform(), Seen).Id]++;

        for (var id = 0; id < counts.Length; id++)
        {
            var deviation = Math.Sqrt(Draws * expected[id] * (1 - expected[id]));
            Math.Abs(counts[id] - Draws * expected[id]).ShouldBeLessThanOrEqualTo(4.5 * deviation, $"token {id}");
        }
    }

    [Fact]
    public void Reading_as_documentation_the_order_is_penalty_temperature_top_k_top_p_min_p()
    {
        // Token 0 was seen: its logit 4 becomes 2. At temperature 0.5 the logits are 4, 6, 4, 2, 0, the weights e^-2, 1, e^-2,
        // e^-4, e^-6. Top-k 4 drops the last; the others sum to 1.289. Top-p 0.99 needs 1.276, the first three have 1.271, so
        // all four stay. Min-p 0.1 drops e^-4 = 0.018; before the temperature it was e^-2 = 0.135 and would have stayed.
        float[] logits = [4, 3, 2, 1, 0];
        var options = new SamplingOptions { RepetitionPenalty = 2, Temperature = 0.5, TopK = 4, TopP = 0.99, MinP = 0.1 };
        int At(double uniform) => NextToken.Choose(logits, options, uniform, [0]).Id;

        var tail = Math.Exp(-2);
        var total = 1 + (2 * tail);
        At(0).ShouldBe(0);
        At((tail / total) - 0.001).ShouldBe(0);
        At((tail / total) + 0.001).ShouldBe(1);
        At(((1 + tail) / total) - 0.001).ShouldBe(1);
        At(((1 + tail) / total) + 0.001).ShouldBe(2);
        At(0.9999).ShouldBe(2);
    }

    [Fact]
    public void Truncation_keeps_what_sorting_would_keep()
    {
        var cases = Gen.Select(
            Gen.Int[-800, 800].Select(i => i / 100f).Array[1, 300],
            Gen.Select(Gen.Int[0, 40], Gen.Double[0.05, 1], Gen.Double[0.3, 2]),
            Gen.Select(Gen.Double[0, 0.5], Gen.Double[0.5, 3], Gen.Int[0, 299].Array[0, 50]),
            Gen.Double[0, 0.999]);
        cases.Sample((logits, cut, more, uniform) =>
        {
            int[] seen = [.. more.Item3.Where(id => id < logits.Length)];
            var options = new SamplingOptions { TopK = cut.Item1, TopP = cut.Item2, Temperature = cut.Item3, MinP = more.Item1, RepetitionPenalty = more.Item2 };
            var chosen = NextToken.Choose(logits, options, uniform, seen);
            ExactProbabilities(logits, options, seen, slack: 1e-5)[chosen.Id].ShouldBeGreaterThan(0);
        }, iter: 2_000);
    }

    [Fact]
    public void A_penalty_bears_on_the_greedy_choice_too_and_counts_a_repeated_token_once()
    {
        var options = new SamplingOptions { Temperature = 0, RepetitionPenalty = 1.25 };
        NextToken.Choose([3f, 2.5f, -1f], options, 0, []).Id.ShouldBe(0);
        NextToken.Choose([3f, 2.5f, -1f], options, 0, [0, 0]).Id.ShouldBe(1);     // 2.4; divided twice it would be 1.92
        NextToken.Choose([3f, 2.5f, -1f], options, 0, [0, 0, 1]).Id.ShouldBe(0);  // 2.4 and 2
        NextToken.Choose([-1f, -1.1f], options, 0, [0]).Id.ShouldBe(1);           // −1.25
    }

    [Theory]
    [InlineData(0)]
    [InlineData(0.5)]
    [InlineData(1, 1.7)]
    [InlineData(0, 1.7)]
    public void The_log_probability_is_the_full_softmax_at_temperature_1_whatever_was_truncated(double temperature, double repetitionPenalty = 1)
    {
        var exact = ExactProbabilities(Logits, new());
        var options = new SamplingOptions { Temperature = temperature, TopK = 2, TopP = 0.6, MinP = 0.01, RepetitionPenalty = repetitionPenalty };
        var chosen = NextToken.Choose(Logits, options, 0.3, Seen);
        chosen.LogProbability.ShouldBe(Math.Log(exact[chosen.Id]), 1e-6);
    }

    [Fact]
    public void Temperature_0_takes_the_highest_logit_and_of_equals_the_lowest_id()
    {
        NextToken.Choose(Logits, new() { Temperature = 0 }, 0.99).Id.ShouldBe(2);
        NextToken.Choose([3f, 7f, 7f], new() { Temperature = 0 }, 0.99).Id.ShouldBe(1);
    }

    [Fact]
    public void The_most_probable_tokens_come_best_first()
    {
        var exact = ExactProbabilities(Logits, new());
        var best = NextToken.MostProbable(Logits, 4);
        best.Select(t => t.Id).ShouldBe([2, 10, 6, 0]);
        best[3].LogProbability.ShouldBe(Math.Log(exact[0]), 1e-6);
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void A_logit_that_is_not_finite_is_refused(float bad)
    {
        foreach (var temperature in new[] { 0.0, 1.0 })
        {
            foreach (var at in new[] { 0, 5, 10 })
            {
                float[] logits = [.. Logits];
                logits[at] = bad;
                Should.Throw<NotFiniteNumberException>(() => NextToken.Choose(logits, new() { Temperature = temperature }, 0.5));
            }
        }
    }

    [Fact]
    public void A_row_without_any_possible_token_is_refused() =>
        Should.Throw<NotFiniteNumberException>(() => NextToken.Choose([.. Enumerable.Repeat(float.NegativeInfinity, 20)], new(), 0.5));

    [Fact]
    public void Streams_of_random_numbers_differ_by_seed_and_index_and_repeat()
    {
        static double[] First(long seed, int index)
        {
            var stream = new RandomNumbers(seed, index);
            return [stream.NextUniform(), stream.NextUniform(), stream.NextUniform()];
        }

        First(7, 0).ShouldBe(First(7, 0));
        new[] { First(7, 0), First(7, 1), First(8, 0), First(-1, 0), First(0, 7) }.Select(s => s[0]).Distinct().Count().ShouldBe(5);
    }

    /// <summary>The definition, by sorting, in double precision.</summary>
    private static double[] ExactProbabilities(float[] logits, SamplingOptions options, int[]? seen = null, double slack = 0)
    {
        var penalised = logits
            .Select((logit, id) => seen?.Contains(id) != true ? logit : logit > 0 ? logit / options.RepetitionPenalty : logit * options.RepetitionPenalty)
            .ToArray();
        var order = Enumerable.Range(0, logits.Length).OrderByDescending(id => penalised[id]).ThenBy(id => id).ToArray();
        var weights = order.Select(id => Math.Exp((penalised[id] - penalised[order[0]]) / options.Temperature)).ToArray();
        var inTopK = options.TopK == 0 ? weights.Length : Math.Min(options.TopK, weights.Length);
        var mass = weights.Take(inTopK).Sum();
        var kept = 0;
        for (var sum = 0.0; kept < inTopK && (kept == 0 || sum < (options.TopP + slack) * mass); kept++)
            sum += weights[kept];
        kept = Math.Min(kept, weights.Count(weight => weight >= options.MinP - slack));
        while (slack > 0 && kept < weights.Length && weights[kept] >= weights[kept - 1] * (1 - slack))
            kept++;                                                                               // in single precision either may come first

        var probabilities = new double[logits.Length];
        for (var i = 0; i < kept; i++)
            probabilities[order[i]] = weights[i] / weights.Take(kept).Sum();
        return probabilities;
    }
}

using Annotator.Model.Preferences;
using TorchSharp;
using static TorchSharp.torch;

namespace Annotator.Model.Training;

/// <summary>The loss of whole comparisons, of two or more completions, as a round's options want it.</summary>
public static class ComparisonLoss
{
    /// <summary>
    /// A comparison of two is a pair. One of more is trained as a ranking (Plackett–Luce) or as the mean over all pairs it
    /// implies (Ouyang et al. 2022, eq. 1), so that each comparison weighs the same however many pairs it holds.
    /// </summary>
    /// <param name="comparisons">B of them, with N completions in all.</param>
    /// <param name="policy">log πθ(y|x) of each completion of each comparison, in order, shape (N).</param>
    /// <param name="reference">log πref(y|x), likewise (N).</param>
    /// <param name="options">loss_type, rankings, beta, label_smoothing, ipo_average.</param>
    /// <returns>Losses, shape (B), before weights.</returns>
    public static Tensor Of(IReadOnlyList<TokenComparison> comparisons, Tensor policy, Tensor reference, RoundOptions options)
    {
        var losses = zeros(comparisons.Count, policy.dtype, policy.device);                       // (B)
        List<long> chosen = [], rejected = [], owners = [];
        List<float> shares = [];
        var start = 0;
        foreach (var (index, comparison) in comparisons.Index())
        {
            var count = comparison.Completions.Count;
            if (count > 2 && options.Rankings == RankingLoss.PlackettLuce)
            {
                var loss = DpoLoss.PlackettLuce(policy.narrow(0, start, count), reference.narrow(0, start, count), comparison.Ranking, options.Beta);
                losses = losses.index_add(0, Indices([index]), loss.unsqueeze(0), 1);
            }
            else
            {
                foreach (var pair in comparison.Pairs)
                {
                    chosen.Add(start + pair.Better);
                    rejected.Add(start + pair.Worse);
                    owners.Add(index);
                    shares.Add(1f / comparison.Pairs.Count);
                }
            }
            start += count;
        }
        if (chosen.Count == 0)
            return losses;

        var (chosenIndices, rejectedIndices) = (Indices(chosen), Indices(rejected));              // (P)
        if (options.LossType == LossType.Ipo && options.IpoAverage)
        {
            var lengths = tensor(comparisons.SelectMany(comparison => comparison.Completions).Select(ids => (float)ids.Length).ToArray(), policy.dtype, policy.device);
            (policy, reference) = (policy / lengths, reference / lengths);                        // (N), averages per token
        }
        var pairLosses = OfPairs(Pairs(policy), Pairs(reference), options);                       // (P)
        return losses.index_add(0, Indices(owners), pairLosses * tensor(shares.ToArray(), policy.dtype, policy.device), 1);

        Tensor Indices(IList<long> values) => tensor(values, ScalarType.Int64, policy.device);
        PairLogProbabilities Pairs(Tensor logps) => new(logps.index_select(0, chosenIndices), logps.index_select(0, rejectedIndices));
    }

    private static Tensor OfPairs(PairLogProbabilities policy, PairLogProbabilities reference, RoundOptions options) => options.LossType switch
    {
        LossType.Sigmoid => DpoLoss.Sigmoid(policy, reference, options.Beta, options.LabelSmoothing),
        LossType.Robust => DpoLoss.Robust(policy, reference, options.Beta, options.LabelSmoothing),
        LossType.Ipo => DpoLoss.Ipo(policy, reference, options.Beta),
        LossType.Hinge => DpoLoss.Hinge(policy, reference, options.Beta),
        LossType.Unlikelihood => DpoLoss.Unlikelihood(policy, options.UnlikelihoodAlpha),
        _ => throw new ArgumentOutOfRangeException(nameof(options), options.LossType, "No such loss."),
    };
}

using Annotator.Model.Preferences;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace Annotator.Model.Training;

/// <summary>
/// log π(y_w|x) and log π(y_l|x) of the same pairs under one model: sequence log-probabilities in nats, shape (B) each.
/// </summary>
public readonly record struct PairLogProbabilities(Tensor Chosen, Tensor Rejected)
{
    /// <summary>log π(y_w|x) − log π(y_l|x), shape (B).</summary>
    public Tensor LogRatio => Chosen - Rejected;
}

/// <summary>
/// The losses of preference learning, as pure functions of log-probabilities. Rafailov et al. (2023), "Direct
/// Preference Optimization". Sequence log-probabilities are sums over completion tokens in nats. The losses keep
/// the shape of what goes in, (B), in its dtype; gradients flow to the policy's log-probabilities.
/// Everything is finite for every finite input.
/// </summary>
public static class DpoLoss
{
    /// <summary>
    /// Eq. 7; with <paramref name="labelSmoothing"/> ε > 0 conservative DPO (Mitchell 2023), which takes a share ε of the
    /// labels for flipped: −(1−ε)·log σ(u) − ε·log σ(−u), u = β(h_w − h_l).
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">beta ≤ 0, or labelSmoothing outside [0, 0.5).</exception>
    public static Tensor Sigmoid(PairLogProbabilities policy, PairLogProbabilities reference, double beta, double labelSmoothing = 0)
    {
        var u = ScaledLogits(policy, reference, beta, labelSmoothing);                            // (B)
        return labelSmoothing == 0
            ? -logsigmoid(u)
            : -(1 - labelSmoothing) * logsigmoid(u) - labelSmoothing * logsigmoid(-u);
    }

    /// <summary>
    /// Robust DPO (Chowdhury et al. 2024, eq. 13), an unbiased estimate under a share ε of flipped labels:
    /// (−(1−ε)·log σ(u) + ε·log σ(−u)) / (1−2ε).
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">beta ≤ 0, or labelSmoothing outside [0, 0.5).</exception>
    public static Tensor Robust(PairLogProbabilities policy, PairLogProbabilities reference, double beta, double labelSmoothing)
    {
        var u = ScaledLogits(policy, reference, beta, labelSmoothing);                            // (B)
        return (-(1 - labelSmoothing) * logsigmoid(u) + labelSmoothing * logsigmoid(-u)) / (1 - 2 * labelSmoothing);
    }

    /// <summary>SLiC's hinge on DPO's logits (Liu et al. 2023, "Statistical Rejection Sampling"): max(0, 1 − u).</summary>
    /// <exception cref="ArgumentOutOfRangeException">beta ≤ 0.</exception>
    public static Tensor Hinge(PairLogProbabilities policy, PairLogProbabilities reference, double beta) =>
        relu(1 - ScaledLogits(policy, reference, beta, 0));

    /// <summary>
    /// IPO (Azar et al. 2023, eq. 17): (h_w − h_l − 1/(2β))². The authors mean log-probabilities averaged over
    /// completion tokens; the reference implementation of DPO feeds sums. The caller decides by what it passes.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">beta ≤ 0.</exception>
    public static Tensor Ipo(PairLogProbabilities policy, PairLogProbabilities reference, double beta)
    {
        RequirePositive(beta);
        return (policy.LogRatio - reference.LogRatio - 1 / (2 * beta)).pow(2);
    }

    /// <summary>
    /// The paper's Unlikelihood baseline (section 6; Welleck et al. 2019): −log π(y_w) + α·log π(y_l). With α = 0 it is
    /// supervised training on the chosen completions, the paper's Preferred-FT. Unlike the others it has no lower bound.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">alpha outside [0, 1].</exception>
    public static Tensor Unlikelihood(PairLogProbabilities policy, double alpha)
    {
        if (alpha is not (>= 0 and <= 1))
            throw new ArgumentOutOfRangeException(nameof(alpha), alpha, "unlikelihood_alpha must be in [0, 1].");
        return alpha == 0 ? -policy.Chosen : alpha * policy.Rejected - policy.Chosen;             // (B)
    }

    /// <summary>
    /// Plackett–Luce DPO (appendix A.3) on one comparison of K completions, extended to ties: each item of a tier
    /// competes with itself and all lower tiers, −Σ_i [ s_i − logsumexp({s_i} ∪ lower tiers) ] with s = β·h. Without
    /// ties this is the paper's loss, and for K = 2 eq. 7.
    /// </summary>
    /// <param name="policy">log πθ(y_k|x), shape (K).</param>
    /// <param name="reference">log πref(y_k|x), shape (K).</param>
    /// <param name="ranking">Tiers of indices into the K completions, best first.</param>
    /// <param name="beta">β.</param>
    /// <returns>The loss of the comparison, a scalar.</returns>
    /// <exception cref="ArgumentOutOfRangeException">beta ≤ 0.</exception>
    public static Tensor PlackettLuce(Tensor policy, Tensor reference, Ranking ranking, double beta)
    {
        RequirePositive(beta);
        var scores = beta * (policy - reference);                                                 // (K)
        var loss = zeros([], scores.dtype, scores.device);
        var lower = new List<int>();
        foreach (var tier in ranking.Tiers.Reverse())
        {
            foreach (var item in lower.Count == 0 ? [] : tier)
            {
                var competitors = scores.index_select(0, tensor([item, .. lower], ScalarType.Int64, scores.device));
                loss = loss - scores[item] + competitors.logsumexp(0);
            }
            lower.AddRange(tier);
        }
        return loss;
    }

    /// <summary>The implicit reward of eq. 5 up to a term of x alone: r̂ = β·(log πθ − log πref), any shape.</summary>
    public static Tensor Reward(Tensor policy, Tensor reference, double beta) => beta * (policy - reference);

    private static Tensor ScaledLogits(PairLogProbabilities policy, PairLogProbabilities reference, double beta, double labelSmoothing)
    {
        RequirePositive(beta);
        if (labelSmoothing is not (>= 0 and < 0.5))
            throw new ArgumentOutOfRangeException(nameof(labelSmoothing), labelSmoothing, "label_smoothing must be in [0, 0.5).");
        return beta * (policy.LogRatio - reference.LogRatio);
    }

    private static void RequirePositive(double beta)
    {
        if (!(beta > 0))
            throw new ArgumentOutOfRangeException(nameof(beta), beta, "beta must be > 0.");
    }
}

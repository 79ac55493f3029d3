using TorchSharp;
using static TorchSharp.torch;

namespace Annotator.Model.Training;

/// <summary>The arithmetic of PPO (Schulman et al. 2017) on token sequences, as pure functions.</summary>
public static class PpoLoss
{
    /// <summary>
    /// The reward of each token (Ziegler et al. 2019; eq. 3 of the DPO paper): −β·(log πθ − log πref) at every one, and the
    /// score of the whole response at the last.
    /// </summary>
    /// <param name="policyLogps">log πθ of each token of the response, in nats.</param>
    /// <param name="referenceLogps">log πref, likewise.</param>
    /// <param name="score">r(x, y).</param>
    /// <param name="beta">β.</param>
    public static double[] Rewards(IReadOnlyList<double> policyLogps, IReadOnlyList<double> referenceLogps, double score, double beta)
    {
        var rewards = policyLogps.Zip(referenceLogps, (policy, reference) => -beta * (policy - reference)).ToArray();
        rewards[^1] += score;
        return rewards;
    }

    /// <summary>
    /// Generalised advantage estimation (Schulman et al. 2016, eq. 16): A_t = Σ_l (γλ)^l·δ_{t+l} with
    /// δ_t = r_t + γ·V_{t+1} − V_t, and V = 0 after the last token.
    /// </summary>
    /// <param name="rewards">r_t of each token.</param>
    /// <param name="values">V_t of each place before a token.</param>
    /// <param name="gamma">γ, the discount.</param>
    /// <param name="lambda">λ: 0 trusts the values, 1 the rewards.</param>
    public static double[] Advantages(IReadOnlyList<double> rewards, IReadOnlyList<double> values, double gamma, double lambda)
    {
        var advantages = new double[rewards.Count];
        double next = 0, nextValue = 0;
        for (var t = rewards.Count - 1; t >= 0; t--)
        {
            var delta = rewards[t] + gamma * nextValue - values[t];
            next = advantages[t] = delta + gamma * lambda * next;
            nextValue = values[t];
        }

        return advantages;
    }

    /// <summary>Moved and scaled to mean 0 and variance 1 over all tokens of a batch.</summary>
    public static double[][] Whitened(IReadOnlyList<double[]> advantages)
    {
        var all = advantages.SelectMany(one => one).ToList();
        var mean = all.Average();
        var deviation = Math.Sqrt(all.Average(one => (one - mean) * (one - mean)) + 1e-8);
        return [.. advantages.Select(one => one.Select(advantage => (advantage - mean) / deviation).ToArray())];
    }

    /// <summary>The clipped objective, eq. 7 of Schulman et al. (2017), as a loss: max(−A·ρ, −A·clip(ρ, 1−ε, 1+ε)) with ρ = πθ/πold.</summary>
    /// <param name="logps">log πθ of the tokens, (N).</param>
    /// <param name="oldLogps">log π of the policy that sampled them, (N).</param>
    /// <param name="advantages">A, (N).</param>
    /// <param name="clipRange">ε.</param>
    /// <returns>(N).</returns>
    public static Tensor Policy(Tensor logps, Tensor oldLogps, Tensor advantages, double clipRange)
    {
        var ratio = (logps - oldLogps).exp();                                                     // (N)
        return maximum(-advantages * ratio, -advantages * ratio.clamp(1 - clipRange, 1 + clipRange));
    }

    /// <summary>Half the squared error of the values, clipped alike: the worse of V and clip(V, Vold−ε, Vold+ε) counts.</summary>
    /// <param name="values">V, (N).</param>
    /// <param name="oldValues">V when the tokens were sampled, (N).</param>
    /// <param name="returns">What the values should have been, (N).</param>
    /// <param name="clipRange">ε, in units of reward.</param>
    /// <returns>(N).</returns>
    public static Tensor Value(Tensor values, Tensor oldValues, Tensor returns, double clipRange)
    {
        var clipped = oldValues + (values - oldValues).clamp(-clipRange, clipRange);              // (N)
        return 0.5 * maximum((values - returns).square(), (clipped - returns).square());
    }

    /// <summary>β after a batch, where it is to keep the KL near a target (Ziegler et al. 2019, section 2.2): up or down by at most 2%.</summary>
    /// <param name="beta">β of the batch.</param>
    /// <param name="kl">Mean KL of its responses to the reference, in nats.</param>
    /// <param name="target">Where it should be.</param>
    public static double AdaptedBeta(double beta, double kl, double target) => beta * (1 + 0.1 * Math.Clamp((kl - target) / target, -0.2, 0.2));
}

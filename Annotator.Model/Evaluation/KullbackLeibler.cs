namespace Annotator.Model.Evaluation;

/// <summary>
/// KL(π‖πref) in nats: exact over a vocabulary, and estimated from samples y ~ π with r = πref(y)/π(y)
/// (Schulman 2020, "Approximating KL Divergence").
/// </summary>
public static class KullbackLeibler
{
    /// <summary>−log r: unbiased; a single one may be negative. Of whole sequences it is a sample of the sequence KL.</summary>
    /// <param name="policyLogp">log π(y).</param>
    /// <param name="referenceLogp">log πref(y).</param>
    public static double K1(double policyLogp, double referenceLogp) => policyLogp - referenceLogp;

    /// <summary>(log r)²/2: biased, of little variance where the two are close.</summary>
    /// <inheritdoc cref="K1" />
    public static double K2(double policyLogp, double referenceLogp) => Math.Pow(policyLogp - referenceLogp, 2) / 2;

    /// <summary>r − 1 − log r: unbiased and never negative.</summary>
    /// <inheritdoc cref="K1" />
    public static double K3(double policyLogp, double referenceLogp)
    {
        var logRatio = referenceLogp - policyLogp;
        return Math.Exp(logRatio) - 1 - logRatio;
    }

    /// <summary>Σ p·(log p − log q) of two distributions over the same vocabulary.</summary>
    /// <param name="policyLogits">(V), unnormalised.</param>
    /// <param name="referenceLogits">(V), unnormalised.</param>
    public static double Exact(IReadOnlyList<double> policyLogits, IReadOnlyList<double> referenceLogits) =>
        LogSoftmax(policyLogits).Zip(LogSoftmax(referenceLogits), (p, q) => Math.Exp(p) * (p - q)).Sum();

    /// <summary>−Σ p·log p.</summary>
    /// <param name="logits">(V), unnormalised.</param>
    public static double Entropy(IReadOnlyList<double> logits) => -LogSoftmax(logits).Sum(p => Math.Exp(p) * p);

    /// <summary>Log-probabilities of a distribution.</summary>
    /// <param name="logits">(V), unnormalised.</param>
    public static double[] LogSoftmax(IReadOnlyList<double> logits)
    {
        var most = logits.Max();
        var logSum = most + Math.Log(logits.Sum(logit => Math.Exp(logit - most)));
        return [.. logits.Select(logit => logit - logSum)];
    }

    /// <summary>KL of Best-of-N to the policy that it draws from: ln N − (N−1)/N, exact where no two draws are equal (an upper bound else; Beirami et al. 2024).</summary>
    public static double BestOf(int n) => Math.Log(n) - (n - 1.0) / n;
}

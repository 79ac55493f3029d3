using System.Numerics;
using System.Runtime.InteropServices;

namespace Annotator.Model.Sampling;

/// <summary>A sampled token and log p of it under temperature 1 without truncation or penalty, in nats.</summary>
public readonly record struct ChosenToken(int Id, double LogProbability);

/// <summary>
/// Logits → token, as a pure function: the same logits, options and uniform number give the same token. Written on
/// spans instead of tensors because one pass over the vocabulary costs less here than the calls would, and because
/// drawing by the inverse of the cumulative distribution keeps a row's draw independent of all others.
/// </summary>
public static class NextToken
{
    // A weight in [0, 1] has one of 1,017 values in the first 12 bits of its float: eight buckets an octave, in order of size.
    private const int BucketShift = 20;
    private const int Buckets = 1024;

    [ThreadStatic]
    private static float[]? _scratch;

    /// <summary>Chooses the next token.</summary>
    /// <param name="logits">(V), unnormalised; −∞ excludes a token.</param>
    /// <param name="options">Repetition penalty, temperature, top-k, top-p, min-p.</param>
    /// <param name="uniform">In [0, 1); not used when greedy.</param>
    /// <param name="seen">Ids of prompt and response so far, in any order, for the repetition penalty; a repeated one counts once.</param>
    /// <exception cref="NotFiniteNumberException">A logit is NaN or +∞, or all are −∞.</exception>
    public static ChosenToken Choose(ReadOnlySpan<float> logits, SamplingOptions options, double uniform, ReadOnlySpan<int> seen = default)
    {
        var weights = Scratch(logits.Length);
        var highest = Highest(logits);
        var sum = Exponentials(logits, highest, 1, weights);
        if (!double.IsFinite(sum))
            throw new NotFiniteNumberException("The policy's logits are not finite numbers (NaN or infinity): its weights are damaged or its training diverged.");

        // What is drawn from: the weights of temperature 1 are there already unless a penalty changes the logits under them.
        var from = logits;
        var fromHighest = highest;
        if (options.RepetitionPenalty != 1)
        {
            Penalise(logits, seen, (float)options.RepetitionPenalty, weights);
            from = weights;
            fromHighest = Highest(weights);
        }

        var chosen = options.Temperature == 0
            ? from.IndexOf(fromHighest)
            : Draw(Truncated(from, fromHighest, sum, options, weights, out var total), uniform * total);
        return new(chosen, logits[chosen] - highest - Math.Log(sum));
    }

    /// <summary>The most probable tokens, best first, with log p under temperature 1 without truncation or penalty.</summary>
    /// <param name="logits">(V).</param>
    /// <param name="count">How many; small.</param>
    public static ChosenToken[] MostProbable(ReadOnlySpan<float> logits, int count)
    {
        var weights = Scratch(logits.Length);
        var highest = Highest(logits);
        var logSum = Math.Log(Exponentials(logits, highest, 1, weights));

        logits.CopyTo(weights);
        var best = new ChosenToken[Math.Min(count, logits.Length)];
        for (var i = 0; i < best.Length; i++)
        {
            var id = weights.IndexOf(Highest(weights));
            best[i] = new(id, logits[id] - highest - logSum);
            weights[id] = float.NegativeInfinity;
        }

        return best;
    }

    /// <summary>Room for so many floats, this thread's own and overwritten at each call.</summary>
    private static Span<float> Scratch(int length)
    {
        if (_scratch is null || _scratch.Length < length)
            _scratch = new float[length];
        return _scratch.AsSpan(0, length);
    }

    private static Span<float> Truncated(
        ReadOnlySpan<float> logits, float highest, double sum, SamplingOptions options, Span<float> weights, out double total)
    {
        total = options is { Temperature: 1, RepetitionPenalty: 1 } ? sum : Exponentials(logits, highest, options.Temperature, weights);
        if (options.TopK > 0 && options.TopK < weights.Length)
            total = KeepHighest(weights, options.TopK, double.PositiveInfinity);
        if (options.TopP < 1)
            total = KeepHighest(weights, int.MaxValue, options.TopP * total);
        if (options.MinP > 0)
            total = KeepAtLeast(weights, (float)options.MinP);
        return weights;
    }

    /// <summary>penalised = logits, those of the tokens seen divided by the penalty where positive, multiplied where not.</summary>
    private static void Penalise(ReadOnlySpan<float> logits, ReadOnlySpan<int> seen, float penalty, Span<float> penalised)
    {
        logits.CopyTo(penalised);
        foreach (var id in seen)
            penalised[id] = logits[id] > 0 ? logits[id] / penalty : logits[id] * penalty;
    }

    private static float Highest(ReadOnlySpan<float> logits)
    {
        var vectors = MemoryMarshal.Cast<float, Vector<float>>(logits);
        var highest = float.NegativeInfinity;
        if (vectors.Length > 0)
        {
            var lanes = vectors[0];
            foreach (var vector in vectors)
                lanes = Vector.Max(lanes, vector);
            for (var lane = 0; lane < Vector<float>.Count; lane++)
                highest = Math.Max(highest, lanes[lane]);
        }

        foreach (var logit in logits[(vectors.Length * Vector<float>.Count)..])
            highest = Math.Max(highest, logit);
        return highest;
    }

    /// <summary>weights = exp((logits − highest) / temperature), all in [0, 1]; returns their sum. Both may be the same span.</summary>
    private static double Exponentials(ReadOnlySpan<float> logits, float highest, double temperature, Span<float> weights)
    {
        const int VectorsInBlock = 32;  // a block is summed in float, the blocks in double

        var scale = new Vector<float>((float)(1 / temperature));
        var shift = new Vector<float>(highest);
        var source = MemoryMarshal.Cast<float, Vector<float>>(logits);
        var target = MemoryMarshal.Cast<float, Vector<float>>(weights);
        var sum = 0.0;
        for (var begin = 0; begin < source.Length; begin += VectorsInBlock)
        {
            var block = Vector<float>.Zero;
            for (var i = begin; i < Math.Min(begin + VectorsInBlock, source.Length); i++)
            {
                target[i] = Vector.Exp((source[i] - shift) * scale);
                block += target[i];
            }

            sum += Vector.Sum(block);
        }

        for (var i = source.Length * Vector<float>.Count; i < logits.Length; i++)
        {
            weights[i] = MathF.Exp((logits[i] - highest) * (float)(1 / temperature));
            sum += weights[i];
        }

        return sum;
    }

    /// <summary>
    /// Keeps the highest weights until there are <paramref name="count"/> of them or their sum reaches
    /// <paramref name="mass"/>, of equal weights the lower ids, and sets the others to 0. Only the bucket in which the
    /// limit falls is sorted.
    /// </summary>
    /// <returns>The sum of what is kept.</returns>
    private static double KeepHighest(Span<float> weights, int count, double mass)
    {
        Span<int> counts = stackalloc int[Buckets];
        Span<double> masses = stackalloc double[Buckets];
        counts.Clear();
        masses.Clear();
        foreach (var weight in weights)
        {
            counts[Bucket(weight)]++;
            masses[Bucket(weight)] += weight;
        }

        var limit = Buckets - 1;
        var (kept, keptMass) = (0, 0.0);
        while (limit > 0 && kept + counts[limit] < count && keptMass + masses[limit] < mass)
        {
            kept += counts[limit];
            keptMass += masses[limit];
            limit--;
        }

        var atLimit = new List<(float Weight, int Id)>(counts[limit]);
        for (var id = 0; id < weights.Length; id++)
        {
            var bucket = Bucket(weights[id]);
            if (bucket > limit)
                continue;
            if (bucket == limit)
                atLimit.Add((weights[id], id));
            weights[id] = 0;
        }

        atLimit.Sort((a, b) => a.Weight != b.Weight ? b.Weight.CompareTo(a.Weight) : a.Id.CompareTo(b.Id));
        foreach (var (weight, id) in atLimit)
        {
            if (kept >= count || keptMass >= mass)
                break;
            weights[id] = weight;
            kept++;
            keptMass += weight;
        }

        return keptMass;

        static int Bucket(float weight) => (int)(BitConverter.SingleToUInt32Bits(weight) >> BucketShift);
    }

    /// <summary>Sets the weights below a share of the highest, which is 1, to 0; returns the sum of the others.</summary>
    private static double KeepAtLeast(Span<float> weights, float share)
    {
        var least = new Vector<float>(share);
        var vectors = MemoryMarshal.Cast<float, Vector<float>>(weights);
        var sum = 0.0;
        foreach (ref var vector in vectors)
        {
            vector = Vector.ConditionalSelect(Vector.LessThan(vector, least), Vector<float>.Zero, vector);
            sum += Vector.Sum(vector);
        }

        foreach (ref var weight in weights[(vectors.Length * Vector<float>.Count)..])
        {
            weight = weight < share ? 0 : weight;
            sum += weight;
        }

        return sum;
    }

    /// <summary>The first id at which the running sum of the weights exceeds <paramref name="target"/>.</summary>
    private static int Draw(ReadOnlySpan<float> weights, double target)
    {
        var sum = 0.0;
        var last = 0;
        for (var id = 0; id < weights.Length; id++)
        {
            if (weights[id] == 0)
                continue;
            sum += weights[id];
            last = id;
            if (sum > target)
                return id;
        }

        return last;  // the sums were rounded differently and the target lies a hair beyond
    }
}

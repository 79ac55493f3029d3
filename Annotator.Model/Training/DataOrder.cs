namespace Annotator.Model.Training;

/// <summary>
/// Which items an update trains on, as a pure function of (count, batch size, seed, step): a resumed training goes
/// on with the same data without any saved generator. Each epoch is a permutation of its own; its last batch may be smaller.
/// </summary>
public static class DataOrder
{
    /// <summary>Updates in one pass over <paramref name="count"/> items.</summary>
    public static int StepsPerEpoch(int count, int batchSize) => (count + batchSize - 1) / batchSize;

    /// <summary>The items of update <paramref name="step"/> (from 0), as indices below <paramref name="count"/>.</summary>
    public static int[] Batch(int count, int batchSize, int seed, int step)
    {
        var stepsPerEpoch = StepsPerEpoch(count, batchSize);
        var start = step % stepsPerEpoch * batchSize;
        return Permutation(count, seed, epoch: step / stepsPerEpoch)[start..Math.Min(start + batchSize, count)];
    }

    /// <summary>Fisher–Yates over SplitMix64: the same on every platform and .NET version.</summary>
    private static int[] Permutation(int count, int seed, int epoch)
    {
        var state = ((ulong)(uint)seed << 32) | (uint)epoch;
        var items = Enumerable.Range(0, count).ToArray();
        for (var i = count - 1; i > 0; i--)
        {
            var j = (int)(Next() % (ulong)(i + 1));
            (items[i], items[j]) = (items[j], items[i]);
        }
        return items;

        ulong Next()
        {
            var z = state += 0x9E3779B97F4A7C15;
            z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
            z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
            return z ^ (z >> 31);
        }
    }
}

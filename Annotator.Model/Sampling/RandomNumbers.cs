namespace Annotator.Model.Sampling;

/// <summary>
/// The random numbers of one response: SplitMix64 (Steele, Lea and Flood 2014) from (seed, index). Each response owns
/// its stream, so what it draws depends neither on its neighbours in the batch nor on how many there are.
/// </summary>
/// <param name="seed">The request's seed.</param>
/// <param name="index">The response's index among the n of its prompt.</param>
public sealed class RandomNumbers(long seed, int index)
{
    private const ulong Golden = 0x9E3779B97F4A7C15;

    private ulong _state = Mix(Mix((ulong)seed + Golden) + (ulong)index);

    /// <summary>Uniform in [0, 1), 53 bits.</summary>
    public double NextUniform()
    {
        _state += Golden;
        return (Mix(_state) >> 11) * (1.0 / (1UL << 53));
    }

    private static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}

using TorchSharp;
using static TorchSharp.torch;

namespace Annotator.Model.LanguageModels;

/// <summary>Which two dimensions of a head turn together.</summary>
public enum RotaryPairs
{
    /// <summary>i and i + d/2: GPT-NeoX, Llama and what came of it.</summary>
    Halves,

    /// <summary>2i and 2i + 1: GPT-J, and the paper.</summary>
    Neighbours,
}

/// <summary>
/// Rotary position embedding (Su et al. 2021): the first <see cref="Width"/> dimensions of each query and key are
/// turned, pair by pair, by the position times the pair's frequency.
/// </summary>
/// <param name="Pairs">Which dimensions make a pair.</param>
/// <param name="Width">Dimensions that turn, even; the rest of a head stays as it is.</param>
/// <param name="Base">θ: the frequencies are θ^(−2i/width).</param>
public sealed record RotaryEmbedding(RotaryPairs Pairs, int Width, double Base)
{
    /// <summary>How frequencies are lowered for contexts longer than those of pre-training; null: not at all.</summary>
    public RotaryScaling? Scaling { get; init; }

    /// <summary>Reads <c>rope_theta</c> (or an older name of it) and <c>rope_scaling</c>, or <c>rope_parameters</c>, which holds both in newer files.</summary>
    /// <exception cref="NotSupportedException">A kind of scaling that is not known here.</exception>
    /// <exception cref="FormatException">A key is missing or makes no sense.</exception>
    internal static RotaryEmbedding Read(ConfigReader config, RotaryPairs pairs, int headWidth, double defaultShare = 1, string? olderBase = null, string? olderShare = null)
    {
        var parameters = config.Section("rope_parameters");
        var share = parameters?.Number("partial_rotary_factor") ?? config.Number("partial_rotary_factor")
            ?? (olderShare is null ? null : config.Number(olderShare)) ?? defaultShare;
        var width = (int)(headWidth * share);
        if (width < 2 || width % 2 != 0 || width > headWidth)
        {
            throw new FormatException($"{share} of a head of {headWidth} are {width} rotary dimensions; that must be an even number up to {headWidth}");
        }

        var @base = parameters?.Number("rope_theta") ?? config.Number("rope_theta")
            ?? (olderBase is null ? null : config.Number(olderBase)) ?? 10_000;
        return @base > 0
            ? new(pairs, width, @base) { Scaling = RotaryScaling.Read(parameters ?? config.Section("rope_scaling")) }
            : throw new FormatException($"\"rope_theta\" is {@base}; it must be positive");
    }

    /// <summary>Radians that each pair turns from one position to the next, (Width / 2). In single precision, as the checkpoints were trained.</summary>
    public float[] Frequencies() =>
    [
        .. Enumerable.Range(0, Width / 2)
            .Select(i => 1 / MathF.Pow((float)Base, 2f * i / Width))
            .Select(frequency => Scaling?.Apply(frequency) ?? frequency),
    ];

    /// <summary>The turns of the tokens of a pass; made once and used by every layer.</summary>
    /// <param name="positions">(T) or (B, T) int64.</param>
    /// <param name="dtype">Of the queries and keys.</param>
    public Rotation At(Tensor positions, ScalarType dtype)
    {
        var angles = positions.to(ScalarType.Float32).unsqueeze(-1) * tensor(Frequencies(), device: positions.device);  // ([B,] T, d/2)
        var (cos, sin) = (angles.cos().to(dtype), angles.sin().to(dtype));
        return Pairs == RotaryPairs.Halves
            ? new(this, Broadcast(cat([cos, cos], -1)), Broadcast(cat([-sin, sin], -1)))
            : new(this, Broadcast(stack([cos, cos], -1).flatten(-2)), Broadcast(stack([-sin, sin], -1).flatten(-2)));

        Tensor Broadcast(Tensor x) => x.dim() == 2 ? x : x.unsqueeze(1);                          // (T, d) or (B, 1, T, d)
    }
}

/// <summary>The turns of some positions.</summary>
/// <param name="Embedding">Whose they are.</param>
/// <param name="Cos">(T, d) or (B, 1, T, d).</param>
/// <param name="Sin">The same shape, negative where the partner is taken off.</param>
public sealed record Rotation(RotaryEmbedding Embedding, Tensor Cos, Tensor Sin)
{
    /// <summary>Turns queries or keys.</summary>
    /// <param name="x">(B, heads, T, d).</param>
    /// <returns>The same shape.</returns>
    public Tensor Apply(Tensor x)
    {
        var (width, rest) = (Embedding.Width, x.shape[^1] - Embedding.Width);
        var turning = rest == 0 ? x : x.narrow(-1, 0, width);
        var partner = Embedding.Pairs == RotaryPairs.Halves
            ? turning.roll(width / 2, -1)
            : turning.reshape([.. x.shape[..^1], width / 2, 2]).flip(-1).flatten(-2);
        var turned = (turning * Cos).addcmul_(partner, Sin, 1);
        return rest == 0 ? turned : cat([turned, x.narrow(-1, width, rest)], -1);
    }
}

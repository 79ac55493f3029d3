namespace Annotator.Model.LanguageModels;

/// <summary>How a checkpoint's rotary frequencies were lowered to reach further than its pre-training did.</summary>
/// <param name="Factor">By how much.</param>
public abstract record RotaryScaling(double Factor)
{
    private const string Known = "default, linear, llama3";

    /// <summary>The scaled frequency, in radians a position.</summary>
    public abstract float Apply(float frequency);

    /// <summary>Reads <c>rope_scaling</c>; null where it says that nothing is scaled.</summary>
    /// <exception cref="NotSupportedException">A kind that is not known here.</exception>
    /// <exception cref="FormatException">A key is missing or makes no sense.</exception>
    internal static RotaryScaling? Read(ConfigReader? config)
    {
        if (config is null)
        {
            return null;
        }

        return (config.Text("rope_type") ?? config.Text("type") ?? "default") switch
        {
            "default" => null,
            "linear" => new LinearRotaryScaling(Positive("factor")),
            "llama3" => new Llama3RotaryScaling(
                Positive("factor"), Positive("low_freq_factor"), Positive("high_freq_factor"), config.Size("original_max_position_embeddings")),
            var other => throw new NotSupportedException($"the rotary scaling \"{other}\" is not known here (known: {Known})"),
        };

        double Positive(string key) => config.Number(key) switch
        {
            null => throw new FormatException($"\"rope_scaling\" has no \"{key}\""),
            > 0 and { } value => value,
            var value => throw new FormatException($"\"{key}\" of \"rope_scaling\" is {value}; it must be positive"),
        };
    }
}

/// <summary>All frequencies by the same factor: position interpolation (Chen et al. 2023).</summary>
public sealed record LinearRotaryScaling(double Factor) : RotaryScaling(Factor)
{
    public override float Apply(float frequency) => frequency / (float)Factor;
}

/// <summary>
/// Llama 3.1's: slow turns are slowed by the factor, fast ones stay, with a ramp between
/// (transformers, <c>modeling_rope_utils._compute_llama3_parameters</c>).
/// </summary>
/// <param name="Factor">By how much.</param>
/// <param name="LowFrequencyFactor">Turns with fewer than this many revolutions in the original context are slowed.</param>
/// <param name="HighFrequencyFactor">Turns with more than this many stay.</param>
/// <param name="OriginalContext">Tokens.</param>
public sealed record Llama3RotaryScaling(double Factor, double LowFrequencyFactor, double HighFrequencyFactor, int OriginalContext)
    : RotaryScaling(Factor)
{
    public override float Apply(float frequency)
    {
        var wavelength = 2 * MathF.PI / frequency;                                                // positions a revolution
        if (wavelength > OriginalContext / (float)LowFrequencyFactor)
        {
            return frequency / (float)Factor;
        }

        if (wavelength < OriginalContext / (float)HighFrequencyFactor)
        {
            return frequency;
        }

        var smooth = (OriginalContext / wavelength - (float)LowFrequencyFactor) / (float)(HighFrequencyFactor - LowFrequencyFactor);
        return (1 - smooth) * frequency / (float)Factor + smooth * frequency;
    }
}

using Annotator.Web.Data;

namespace Annotator.Web.Demo;

/// <summary>The section <c>Simulation</c> of the configuration: how the simulated annotators of the demo work.</summary>
public sealed record DemoOptions
{
    public int Annotators { get; init; } = 4;

    /// <summary>They stop after so many judgments together.</summary>
    public int Judgments { get; init; } = 600;

    /// <summary>On average, of one annotator: a quick person's pace.</summary>
    public double SecondsPerJudgment { get; init; } = 5;

    /// <summary>The share of judgments that say the opposite of what the scorer says.</summary>
    public double Noise { get; init; } = 0.2;

    /// <summary>Reads the section.</summary>
    /// <exception cref="StartupException">A value can't be used; the message names the key, the rule and the value.</exception>
    public static DemoOptions Read(IConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        var options = configuration.GetSection("Simulation").Get<DemoOptions>() ?? new DemoOptions();
        return options switch
        {
            { Annotators: not (>= 1 and <= 50) } => throw new StartupException($"Simulation:Annotators must be from 1 to 50; it is {options.Annotators}."),
            { Judgments: < 1 } => throw new StartupException($"Simulation:Judgments must be at least 1; it is {options.Judgments}."),
            { SecondsPerJudgment: not (> 0 and <= 3600) } => throw new StartupException(FormattableString.Invariant($"Simulation:SecondsPerJudgment must be above 0 and at most 3600; it is {options.SecondsPerJudgment}.")),
            { Noise: not (>= 0 and <= 0.5) } => throw new StartupException(FormattableString.Invariant($"Simulation:Noise must be from 0 to 0.5; it is {options.Noise}.")),
            _ => options,
        };
    }
}

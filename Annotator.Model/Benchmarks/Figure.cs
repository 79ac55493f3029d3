using System.Globalization;

namespace Annotator.Model.Benchmarks;

/// <summary>Something measured, beside what this machine allows, measured in the same run.</summary>
/// <param name="Name">What was measured.</param>
/// <param name="Value">The figure.</param>
/// <param name="Unit">Of value and limit.</param>
/// <param name="Limit">What it is held against; none where the figure is itself a limit.</param>
/// <param name="LimitName">What the limit is.</param>
public sealed record Figure(string Name, double Value, string Unit, double? Limit = null, string? LimitName = null)
{
    /// <summary>Value / limit.</summary>
    public double? Ratio => Value / Limit;

    /// <summary>The first rows of a table in Markdown.</summary>
    public static string Heading => "| what | figure | limit | ratio |\n|---|---|---|---|";

    /// <summary>A row of it.</summary>
    public string Row => string.Create(CultureInfo.InvariantCulture,
        $"| {Name} | {Value:G4} {Unit} | {(Limit is null ? "" : $"{Limit:G4} {Unit}: {LimitName}")} | {Ratio:F2} |");
}

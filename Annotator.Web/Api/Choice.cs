using System.Text.Json;

namespace Annotator.Web.Api;

#pragma warning disable CA1000 // The framework looks for this static member on the parameter's type.

/// <summary>One of a few names in a query, spelled as everywhere in the API.</summary>
public readonly record struct Choice<T>(T Value)
    where T : struct, Enum
{
    public static IReadOnlyList<string> Names { get; } = [.. Enum.GetValues<T>().Select(Name)];

    public static bool TryParse(string? text, IFormatProvider? provider, out Choice<T> choice)
    {
        var at = Names.ToList().FindIndex(name => name.Equals(text, StringComparison.OrdinalIgnoreCase));
        choice = at < 0 ? default : new(Enum.GetValues<T>()[at]);
        return at >= 0;
    }

    private static string Name(T value) => JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString());
}

#pragma warning restore CA1000

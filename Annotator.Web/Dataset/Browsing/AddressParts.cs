using Microsoft.AspNetCore.Components;

namespace Annotator.Web.Dataset.Browsing;

/// <summary>The parts of a list's address after the question mark.</summary>
internal static class AddressParts
{
    public static Dictionary<string, object?> With(this Dictionary<string, object?> parts, string name, string? value)
    {
        parts[name] = string.IsNullOrEmpty(value) ? null : value;
        return parts;
    }

    public static Dictionary<string, object?> With(this Dictionary<string, object?> parts, string name, ChangeEventArgs change) => parts.With(name, change.Value as string);
}

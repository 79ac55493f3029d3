using System.Text.Json;
using Annotator.Model.Preferences;
using Annotator.Web.Data;

namespace Annotator.Web.Evaluations;

/// <summary>How far a round's policy went from its reference.</summary>
public sealed class RoundKl(DataFolder folder)
{
    private const string Name = "objective/kl";

    /// <summary>The round's <c>objective/kl</c> in nats, as its <c>result.json</c> has it; null where it was not measured.</summary>
    public double? Of(Round round)
    {
        ArgumentNullException.ThrowIfNull(round);
        var file = new RoundDirectory(folder.Round(round.DirectoryName)).Result;
        try
        {
            // Another trainer may have written it: what is there is taken, what is not is not known.
            using var result = JsonDocument.Parse(File.ReadAllBytes(file));
            return result.RootElement is { ValueKind: JsonValueKind.Object } root && root.TryGetProperty(Name, out var kl) && kl.ValueKind == JsonValueKind.Number ? kl.GetDouble() : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            return null;
        }
    }
}

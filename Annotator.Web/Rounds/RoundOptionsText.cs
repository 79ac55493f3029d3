using System.Text.Json;
using System.Text.Json.Nodes;
using Annotator.Model.Preferences;

namespace Annotator.Web.Rounds;

/// <summary>Options as a round's row keeps them: JSON without the two directories, which are known when the round starts.</summary>
public static class RoundOptionsText
{
    public static string Format(RoundOptions options)
    {
        var json = JsonSerializer.SerializeToNode(options, JsonLines.Spelling)!.AsObject();
        json.Remove("policy");
        json.Remove("reference");
        return json.ToJsonString(JsonLines.Spelling);
    }

    /// <summary>The options with a name in the directories' places, so that they pass the check.</summary>
    public static RoundOptions Parse(string json) => Parse(JsonNode.Parse(json)!.AsObject());

    internal static RoundOptions Parse(JsonObject json)
    {
        json["policy"] = "policy";
        json["reference"] = "reference";
        return RoundOptions.Parse(json.ToJsonString(), "The options");
    }
}

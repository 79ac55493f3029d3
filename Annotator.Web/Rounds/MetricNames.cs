using System.Text.Json;
using System.Text.Json.Nodes;
using Annotator.Model.Preferences;

namespace Annotator.Web.Rounds;

/// <summary>The metrics of a step by the names of the field, for events and outside clients.</summary>
public static class MetricNames
{
    /// <summary>What <c>metrics.jsonl</c> holds of this step; values that were not measured are absent.</summary>
    public static IReadOnlyDictionary<string, double> Of(RoundMetrics metrics) =>
        JsonSerializer.SerializeToNode(metrics, JsonLines.Spelling)!.AsObject()
            .Where(entry => entry.Key is not ("step" or "max_steps") && entry.Value is not null)
            .ToDictionary(entry => entry.Key, entry => entry.Value!.GetValue<double>());
}

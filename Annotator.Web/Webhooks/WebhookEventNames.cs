using Annotator.Web.Data;

namespace Annotator.Web.Webhooks;

/// <summary>The events as messages and the API call them.</summary>
public static class WebhookEventNames
{
    public static IReadOnlyList<(WebhookEvents Event, string Name)> All { get; } =
        [(WebhookEvents.RoundEnded, "round.ended"), (WebhookEvents.PolicyPromoted, "policy.promoted"), (WebhookEvents.Judgments, "judgments.counted")];

    public static IEnumerable<string> Of(WebhookEvents events) => All.Where(known => events.HasFlag(known.Event)).Select(known => known.Name);

    /// <exception cref="RefusedException">One of them is none.</exception>
    public static WebhookEvents Parse(IEnumerable<string> names)
    {
        ArgumentNullException.ThrowIfNull(names);
        return names.Aggregate(WebhookEvents.None, (all, name) => all | All.FirstOrDefault(known => known.Name == name) switch
        {
            (WebhookEvents.None, _) => throw new RefusedException($"There is no event {name}: events are {string.Join(", ", All.Select(known => known.Name))}."),
            var (known, _) => known,
        });
    }
}

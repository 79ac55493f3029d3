namespace Annotator.Web.Data;

/// <summary>log πref(y|x) of a response's token ids, as a round computed it: no later round with this reference computes it again.</summary>
public sealed class ReferenceLogProbability
{
    public long ResponseId { get; set; }

    /// <summary>The content hash of the reference policy.</summary>
    public required string PolicyHash { get; set; }

    /// <summary>Summed over the response's tokens, in nats.</summary>
    public required double LogProbability { get; set; }
}

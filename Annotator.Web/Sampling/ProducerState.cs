using Annotator.Web.Live;

namespace Annotator.Web.Sampling;

/// <summary>What the producer of a study's comparisons is at.</summary>
public enum ProducerPhase
{
    /// <summary>It has not looked at the study yet.</summary>
    Unknown,

    /// <summary>The stock is full.</summary>
    Stocked,

    /// <summary>Responses are being sampled.</summary>
    Sampling,

    /// <summary>The sampler is starting or down; sampling goes on by itself when it is back.</summary>
    WaitingForSampler,

    /// <summary>The study has no policy or no train prompts.</summary>
    NothingToSample,

    /// <summary>The sampler answers, but nothing that can be compared comes of it; tried again after a while.</summary>
    Failing,
}

/// <summary>The state of a study's stock.</summary>
/// <param name="Phase">What the producer is at.</param>
/// <param name="Stock">Comparisons of the newest policy that are ready to be judged, when last counted.</param>
/// <param name="Target">How many are wanted.</param>
/// <param name="Reason">One sentence for people where something is amiss; else null.</param>
public sealed record ProducerState(ProducerPhase Phase, int Stock, int Target, string? Reason = null);

/// <summary>A study's stock grew, or its producer is at something else.</summary>
public sealed record ProducerStateChanged(long StudyId, ProducerState State) : LiveEvent(StudyId);

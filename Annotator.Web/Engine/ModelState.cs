using Annotator.Web.Live;

namespace Annotator.Web.Engine;

/// <summary>Whether responses can be sampled.</summary>
public enum ModelPhase
{
    /// <summary>The sampler has been started and does not answer yet.</summary>
    Starting,

    Ready,

    /// <summary>It ended or does not answer; it is tried again unless the engine is switched off.</summary>
    Down,
}

/// <summary>The state of the sampler.</summary>
/// <param name="Phase">Whether it takes requests.</param>
/// <param name="Endpoint">Where it takes them; null unless ready.</param>
/// <param name="Reason">One sentence for people; null unless down.</param>
public sealed record ModelState(ModelPhase Phase, Uri? Endpoint = null, string? Reason = null);

/// <summary>The sampler came up or went down.</summary>
public sealed record ModelStateChanged(ModelState State) : LiveEvent(EveryStudy);

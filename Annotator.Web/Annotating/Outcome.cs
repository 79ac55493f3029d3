namespace Annotator.Web.Annotating;

/// <summary>How a response came out of the answer that is highlighted.</summary>
public enum Outcome
{
    None,

    /// <summary>It is to be preferred, once the rest has been said.</summary>
    Aimed,
    Chosen,
    Passed,
    Bad,
}

namespace Annotator.Web.Annotating;

/// <summary>How a response came out of the answer that is highlighted.</summary>
public enum Outcome
{
    None,
    Chosen,
    Passed,
    Bad,
}

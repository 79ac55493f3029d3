using Annotator.Model.Preferences;
using Annotator.Web.Rounds;

namespace Annotator.Web.Dataset;

/// <summary>The <c>trl</c> lines of judgments. Pure.</summary>
public static class PreferencePairs
{
    /// <summary>
    /// Every strict preference that a judgment states, none between identical or empty texts; nothing from a judgment that
    /// a round would leave out. The margin is the annotator's strength, 1 to 3, where the study asked for it.
    /// </summary>
    public static IEnumerable<TrlLine> Of(JudgedComparison judged) =>
        RoundSelection.ReasonToLeaveOut(judged) is null
            ? new Ranking(judged.Ranking!).Pairs()
                .Select(pair => new TrlLine
                {
                    Prompt = judged.Prompt,
                    Chosen = judged.Responses[pair.Better].Text,
                    Rejected = judged.Responses[pair.Worse].Text,
                    Margin = judged.Strength,
                })
                .Where(line => line.Problem() is null)
            : [];
}

using Annotator.Model.Preferences;
using Annotator.Web.Rounds;

namespace Annotator.Web.Dataset;

/// <summary>The <c>trl</c> lines of judgments. Pure.</summary>
public static class PreferencePairs
{
    /// <summary>
    /// Every strict preference that a judgment states or implies (of a ranking each pair of different tiers), none between identical or empty texts; nothing from a judgment that
    /// a round would leave out. The margin is the annotator's strength, 1 to 3, where the study asked for it; of an imported preference what its file said.
    /// </summary>
    public static IEnumerable<TrlLine> Of(JudgedComparison judged) =>
        RoundSelection.ReasonToLeaveOut(judged) is null
            ? new Ranking(judged.Ranking!).Pairs()
                .Select(pair => Line(judged, judged.Responses[pair.Better], judged.Responses[pair.Worse]))
                .Where(line => line.Problem() is null)
            : [];

    private static TrlLine Line(JudgedComparison judged, JudgedResponse better, JudgedResponse worse) => new()
    {
        Prompt = judged.PromptAsAsked,
        Chosen = Side(judged, better),
        Rejected = Side(judged, worse),
        Margin = judged.Source?.Margin ?? judged.Strength,
        ChosenAuthor = better.Author,
        RejectedAuthor = worse.Author,
    };

    /// <summary>In a chat the assistant's turn, as the prompt is a list of turns.</summary>
    private static TextOrMessages Side(JudgedComparison judged, JudgedResponse response) =>
        judged.Messages is null ? response.Text : TextOrMessages.FromMessages([new ChatMessage("assistant", response.Text)]);
}

using Annotator.Model.Preferences;
using Annotator.Web.Data;

namespace Annotator.Web.Annotating;

/// <summary>Whether an answer agrees with a gold comparison's. Pure.</summary>
public static class GoldAnswer
{
    /// <summary>
    /// True if every preference that the gold ranking states is stated likewise; where it states none (all tied), the answer
    /// must state none either. Both bad and not rankable never agree. Null without a gold ranking, and for a skip.
    /// </summary>
    public static bool? IsCorrect(int[][]? gold, JudgeRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        if (gold is null || request.Verdict == Verdict.Skipped)
        {
            return null;
        }

        if (request.Ranking is not { } given)
        {
            return false;
        }

        var wanted = new Ranking(gold).Pairs().ToHashSet();
        var stated = new Ranking(given).Pairs().ToHashSet();
        return wanted.Count == 0 ? stated.Count == 0 : wanted.IsSubsetOf(stated);
    }
}

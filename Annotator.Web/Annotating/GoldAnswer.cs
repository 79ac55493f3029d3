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
    /// <param name="gold">Tiers of positions, best first.</param>
    /// <param name="verdict">What was answered.</param>
    /// <param name="given">The tiers that were given; null unless the verdict is <see cref="Verdict.Ranked"/>.</param>
    public static bool? IsCorrect(int[][]? gold, Verdict verdict, int[][]? given)
    {
        if (gold is null || verdict == Verdict.Skipped)
        {
            return null;
        }

        if (given is null)
        {
            return false;
        }

        var wanted = new Ranking(gold).Pairs().ToHashSet();
        var stated = new Ranking(given).Pairs().ToHashSet();
        return wanted.Count == 0 ? stated.Count == 0 : wanted.IsSubsetOf(stated);
    }
}

using Annotator.Web.Data;
using Annotator.Web.Languages;
using Microsoft.Extensions.Localization;

namespace Annotator.Web.Dataset.Browsing;

/// <summary>What the dataset's pages say of comparisons and answers. Responses are called by letters, in the order of their positions.</summary>
public static class BrowsingWords
{
    public static string Letter(int position) => ((char)('A' + position)).ToString();

    public static string Of(this IStringLocalizer<Words> words, ComparisonAgreement agreement)
    {
        ArgumentNullException.ThrowIfNull(words);
        return agreement switch
        {
            ComparisonAgreement.Agreed => words["agreed"],
            ComparisonAgreement.Contested => words["contested"],
            ComparisonAgreement.Adjudicated => words["decided"],
            _ => words["one answer"],
        };
    }

    public static string Of(this IStringLocalizer<Words> words, ComparisonPurpose purpose)
    {
        ArgumentNullException.ThrowIfNull(words);
        return purpose switch
        {
            ComparisonPurpose.Evaluation => words["blind evaluation"],
            ComparisonPurpose.Gold => words["gold comparison"],
            ComparisonPurpose.Edit => words["from an edit"],
            _ => words["for training"],
        };
    }

    public static string Of(this IStringLocalizer<Words> words, JudgmentOrigin origin)
    {
        ArgumentNullException.ThrowIfNull(words);
        return origin switch
        {
            JudgmentOrigin.Repeat => words["asked once more"],
            JudgmentOrigin.Edit => words["by editing"],
            JudgmentOrigin.Adjudication => words["a decision"],
            _ => words["from the queue"],
        };
    }

    /// <summary>"A is better", "Tie", "B › A = C", "Both bad" …</summary>
    public static string Answered(this IStringLocalizer<Words> words, Verdict verdict, int[][]? ranking)
    {
        ArgumentNullException.ThrowIfNull(words);
        return (verdict, ranking) switch
        {
            (Verdict.Ranked, { Length: 1 }) => words["Tie"],
            (Verdict.Ranked, [[var better], [_]]) => words["{0} is better", Letter(better)],
            (Verdict.Ranked, { } tiers) => string.Join(" › ", tiers.Select(tier => string.Join(" = ", tier.Order().Select(Letter)))),
            (Verdict.BothBad, _) => words["Both bad"],
            (Verdict.NotRankable, _) => words["Not rankable"],
            (Verdict.Withdrawn, _) => words["Withdrawn"],
            _ => words["Skipped"],
        };
    }
}

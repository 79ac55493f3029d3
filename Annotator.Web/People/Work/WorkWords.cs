using Annotator.Web.Languages;
using Microsoft.Extensions.Localization;

namespace Annotator.Web.People.Work;

/// <summary>What the page says where there is no figure.</summary>
public static class WorkWords
{
    /// <summary>A sentence for a figure of the whole study.</summary>
    public static string WhyNone(this IStringLocalizer<Words> words, WhyNoFigure why)
    {
        ArgumentNullException.ThrowIfNull(words);
        return why switch
        {
            WhyNoFigure.NothingYet => words["There are no judgments yet."],
            WhyNoFigure.NothingJudgedTwice => words["No comparison was answered by two people yet, so there is no agreement to measure. Raise the overlap of the study."],
            WhyNoFigure.OneAnswerThroughout => words["Everybody gave the same answer throughout, so agreement beyond chance can't be measured."],
            WhyNoFigure.UnequalNumbers => words["It needs the same number of answers on each comparison; here they differ. α does not mind."],
            WhyNoFigure.TooFew => words["There are too few answers of two people on the same comparison for an estimate."],
            _ => words["People agree no more often than by chance, so noise can't be told from taste."],
        };
    }

    /// <summary>A word or two for a figure of one person.</summary>
    public static string WhyNoneShort(this IStringLocalizer<Words> words, WhyNoFigure why)
    {
        ArgumentNullException.ThrowIfNull(words);
        return why switch
        {
            WhyNoFigure.NothingYet => words["none yet"],
            WhyNoFigure.NothingJudgedTwice => words["nothing in common"],
            WhyNoFigure.OneAnswerThroughout => words["one answer throughout"],
            WhyNoFigure.UnequalNumbers => words["unequal numbers"],
            WhyNoFigure.TooFew => words["too few"],
            _ => words["no better than chance"],
        };
    }
}

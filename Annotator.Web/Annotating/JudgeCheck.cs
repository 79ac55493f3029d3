using Annotator.Web.Data;
using Annotator.Web.Languages;
using Microsoft.Extensions.Localization;

namespace Annotator.Web.Annotating;

/// <summary>Whether an answer is one that the study takes.</summary>
/// <param name="words">Refusals are said in the language of the annotator's page.</param>
public sealed class JudgeCheck(IStringLocalizer<Words> words)
{
    public const int MaxCommentLength = 4000;

    /// <summary>Of an edited response, in characters.</summary>
    public const int MaxEditLength = 50_000;

    /// <summary>Checks an answer against the study's task.</summary>
    /// <param name="count">How many responses the comparison has.</param>
    /// <param name="original">The text that was edited; null if nothing was.</param>
    /// <exception cref="ArgumentException">What no page would send: parts that don't belong to the answer, tiers that are no order of the responses.</exception>
    /// <exception cref="RefusedException">What the annotator can set right: a missing comment or reason, a text that is too long, an edit that changes nothing.</exception>
    public void Check(JudgeRequest request, StudyTask task, int count, string? original)
    {
        ArgumentNullException.ThrowIfNull(request);
        ArgumentNullException.ThrowIfNull(task);
        Shape(request, task, count);
        Lengths(request.Comment, request.Edit?.Text);
        if (!request.Reasons.All(task.ReasonChips.Contains))
        {
            throw new RefusedException(words["The study's reasons have changed since this page was opened: reload it to see them."]);
        }

        if (task.AsksStrength && request is { Answer: Answer.Left or Answer.Right, Strength: null })
        {
            throw new RefusedException(words["This study asks how much better it is: choose slightly, better or much better."]);
        }

        var states = request.Answer is Answer.Left or Answer.Right or Answer.Ranked;
        if (states && task.RequiresComment && string.IsNullOrWhiteSpace(request.Comment))
        {
            throw new RefusedException(words["This study wants a comment with every preference: say in a few words why."]);
        }

        if (states && task is { RequiresReason: true, ReasonChips.Count: > 0 } && request.Reasons.Count == 0)
        {
            throw new RefusedException(words["This study wants a reason with every preference: choose at least one."]);
        }

        if (request.Edit is { } edit)
        {
            Edit(edit, request, task, original);
        }
    }

    /// <exception cref="RefusedException">One of them is too long to keep.</exception>
    public void Lengths(string? comment, string? edit)
    {
        if (comment?.Length > MaxCommentLength)
        {
            throw new RefusedException(words["The comment has {0} characters; at most {1} are kept: shorten it.", comment.Length, MaxCommentLength]);
        }

        if (edit?.Length > MaxEditLength)
        {
            throw new RefusedException(words["The edited response has {0} characters; at most {1} are kept: shorten it.", edit.Length, MaxEditLength]);
        }
    }

    private static void Shape(JudgeRequest request, StudyTask task, int count)
    {
        Require(request.Comparison.Sides.Order().SequenceEqual(Enumerable.Range(0, count)), $"The sides must name each of the {count} responses once.");
        Require((request.Answer == Answer.Skip) == request.SkipReason.HasValue, "A skip needs a reason, and only a skip has one.");
        Require((request.Answer == Answer.Ranked) == (request.Tiers is not null), "A ranking has tiers, and nothing else has.");
        Require(request.Answer is not (Answer.Ranked or Answer.NotRankable) || count > 2, "Two responses are answered as a pair.");
        Require(request.Answer is not (Answer.Left or Answer.Right or Answer.Tie or Answer.BothBad) || count == 2, $"{count} responses are answered as a ranking.");
        if (request.Tiers is { } tiers)
        {
            Require(tiers.All(tier => tier.Count > 0), "A tier of a ranking must hold a response.");
            Require(
                tiers.SelectMany(tier => tier).Order().SequenceEqual(Enumerable.Range(0, count)),
                $"A ranking names each of the {count} responses once; this one names {string.Join(", ", tiers.SelectMany(tier => tier))}.");
        }

        Require(
            request.Strength is null || (request.Strength is >= 1 and <= 3 && task.AsksStrength && request.Answer is Answer.Left or Answer.Right),
            "A strength is 1, 2 or 3, for a preference between two, in a study that asks for it.");
        Require(request.Flags is null || request.Flags.Keys.All(position => position >= 0 && position < count), "A flag must be on one of the responses.");
    }

    private void Edit(ResponseEdit edit, JudgeRequest request, StudyTask task, string? original)
    {
        Require(task.AllowsEdit, "This study takes no edits.");
        Require(request.Answer != Answer.Skip, "What is skipped is not edited.");
        Require(original is not null, "An edit must be of one of the responses.");
        if (string.IsNullOrWhiteSpace(edit.Text))
        {
            throw new RefusedException(words["The edited response is empty: write it, or drop the edit."]);
        }

        if (edit.Text == original)
        {
            throw new RefusedException(words["The edited response is the same as the original: change it, or drop the edit."]);
        }
    }

    private static void Require(bool holds, string otherwise)
    {
        if (!holds)
        {
            throw new ArgumentException(otherwise);
        }
    }
}

using Annotator.Web.Data;

namespace Annotator.Tests.Fixtures;

/// <summary>Blind comparisons between two policies, judged, put straight into a database.</summary>
public static class EvaluationRows
{
    private static readonly DateTime Made = new(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc);

    /// <summary>As many judgments as are asked for, each on a comparison of its own; the two stand first in turn.</summary>
    /// <param name="longer">By how many characters the new policy's responses are longer.</param>
    public static void AddEvaluation(
        this AnnotatorDbContext db, Policy newer, Policy older, string annotatorId, int wins, int losses, int ties = 0, int bothBad = 0, int skipped = 0, int longer = 0)
    {
        ArgumentNullException.ThrowIfNull(db);
        ArgumentNullException.ThrowIfNull(newer);
        ArgumentNullException.ThrowIfNull(older);
        var prompt = new Prompt { StudyId = newer.StudyId, Text = "A held-out prompt", Split = PromptSplit.Heldout, CreatedAt = Made };
        db.Prompts.Add(prompt);
        db.SaveChanges();
        for (var i = 0; i < wins + losses + ties + bothBad + skipped; i++)
        {
            var at = i % 2; // where the new policy's response stands
            var comparison = new Comparison
            {
                StudyId = newer.StudyId, PromptId = prompt.Id, PolicyId = newer.Id, Purpose = ComparisonPurpose.Evaluation, OpenPlaces = 0, JudgmentCount = 1,
                QueueOrder = QueueOrder.Of(newer.Number, 0, prompt.Id), CreatedAt = Made,
            };
            comparison.Responses.Add(new() { Position = at, Response = NewResponse(prompt, newer, new string('a', 20 + longer)) });
            comparison.Responses.Add(new() { Position = 1 - at, Response = NewResponse(prompt, older, new string('b', 20)) });
            var verdict = i < wins + losses + ties ? Verdict.Ranked : i < wins + losses + ties + bothBad ? Verdict.BothBad : Verdict.Skipped;
            db.Judgments.Add(new()
            {
                Comparison = comparison, StudyId = newer.StudyId, PolicyId = newer.Id, PromptId = prompt.Id, AnnotatorId = annotatorId, Verdict = verdict,
                Ranking = verdict != Verdict.Ranked ? null : i < wins ? [[at], [1 - at]] : i < wins + losses ? [[1 - at], [at]] : [[0, 1]],
                SkipReason = verdict == Verdict.Skipped ? SkipReason.Other : null,
                SidesShown = [0, 1], Seconds = 1, GuidelinesVersion = 1, RequestId = Guid.NewGuid(), CreatedAt = Made,
            });
        }

        db.SaveChanges();
    }

    private static Response NewResponse(Prompt prompt, Policy policy, string text) => new()
    {
        Prompt = prompt, PolicyId = policy.Id, Text = text, Sampling = new(), Seed = 1, FinishReason = "stop", CreatedAt = Made,
    };
}

using Annotator.Model.Preferences;
using Annotator.Web.Data;
using Annotator.Web.Rounds;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Web.Dataset.Browsing;

/// <content>One comparison, and what an admin decides of it.</content>
public sealed partial class DatasetBrowser
{
    /// <summary>A comparison with its full story; null if there is none of that id, or nobody has judged it.</summary>
    /// <exception cref="NotAllowedException">Neither an admin nor a viewer.</exception>
    public async Task<ComparisonStory?> StoryAsync(CurrentPerson who, long comparisonId, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(who);
        who.RequireViewer();
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        var comparison = await db.Comparisons.AsNoTracking().Include(c => c.Prompt).Include(c => c.Policy).SingleOrDefaultAsync(c => c.Id == comparisonId, cancellation);
        // One that waits in the queue must stay unseen: whoever reads this may judge it yet.
        var judged = comparison is null ? [] : await db.Judgments.AsNoTracking().Include(j => j.Annotator)
            .Where(j => j.ComparisonId == comparisonId && j.StudyId == comparison.StudyId).OrderBy(j => j.Id).ToListAsync(cancellation);
        if (comparison is null || judged.Count == 0)
        {
            return null;
        }

        var responses = await db.ComparisonResponses.AsNoTracking().Where(r => r.ComparisonId == comparisonId).OrderBy(r => r.Position)
            .Select(r => new { r.Position, Response = r.Response!, Policy = r.Response!.Policy == null ? null : (int?)r.Response.Policy.Number, r.Response.Author }).ToListAsync(cancellation);
        return new()
        {
            Id = comparison.Id,
            StudyId = comparison.StudyId,
            Purpose = comparison.Purpose,
            Agreement = comparison.Agreement,
            Policy = comparison.Policy!.Number,
            PromptId = comparison.PromptId,
            Prompt = comparison.Prompt!.Text,
            Messages = comparison.Prompt.Messages,
            Split = comparison.Prompt.Split,
            GoldRanking = comparison.GoldRanking,
            ImportedFrom = comparison.ImportId is { } import ? await db.Imports.Where(i => i.Id == import).Select(i => i.FileName).SingleOrDefaultAsync(cancellation) : null,
            Responses = [.. responses.Select(r => new ToldResponse(
                r.Response.Id, r.Position, r.Response.Text, r.Policy, r.Response.SourcePolicy, r.Author is { } author ? Name(who, author) : null,
                r.Response.TokenIds?.Length, r.Response.LogProbability, r.Response.Sampling, r.Response.Seed, r.Response.FinishReason))],
            Judgments = [.. judged.Select(j => Told(who, j))],
            Rounds = await RoundsAsync(db, comparison, judged, cancellation),
            CreatedAt = comparison.CreatedAt,
        };
    }

    /// <summary>
    /// Decides a comparison about which annotators disagree: while the decision stands, rounds and exports of preferences take it in
    /// their place. An earlier decision, whoever made it, is superseded.
    /// </summary>
    /// <param name="verdict"><see cref="Verdict.Ranked"/>, or that there is nothing to learn from it: <see cref="Verdict.BothBad"/>, <see cref="Verdict.NotRankable"/>.</param>
    /// <param name="ranking">Tiers of positions, best first, each position once; null unless the verdict is ranked.</param>
    /// <exception cref="NotAllowedException">Not an admin.</exception>
    /// <exception cref="RefusedException">There is nothing to decide, or the ranking is none of this comparison.</exception>
    public async Task AdjudicateAsync(CurrentPerson by, long comparisonId, Verdict verdict, int[][]? ranking, string? comment, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(by);
        by.RequireAdmin();
        await DecideAsync(by, comparisonId, async (db, comparison, standing) =>
        {
            var count = await db.ComparisonResponses.CountAsync(r => r.ComparisonId == comparisonId, cancellation);
            if (Problem(verdict, ranking, count) is { } problem)
            {
                throw new RefusedException(problem);
            }

            if (comparison.Purpose != ComparisonPurpose.Train || comparison.Agreement is not (ComparisonAgreement.Contested or ComparisonAgreement.Adjudicated))
            {
                throw new RefusedException(words["There is nothing to decide: only where annotators disagree about a comparison for training."]);
            }

            return (verdict, ranking, comment, $"{by.Name} decided comparison {comparisonId}.");
        }, cancellation);
    }

    /// <summary>Takes the decision back: the annotators' judgments count again.</summary>
    /// <exception cref="NotAllowedException">Not an admin.</exception>
    /// <exception cref="RefusedException">No decision stands.</exception>
    public async Task WithdrawAdjudicationAsync(CurrentPerson by, long comparisonId, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(by);
        by.RequireAdmin();
        await DecideAsync(by, comparisonId, (_, _, standing) => standing is null or { Verdict: Verdict.Withdrawn }
            ? throw new RefusedException(words["No decision stands on this comparison: reload the page to see it as it is."])
            : Task.FromResult((Verdict.Withdrawn, (int[][]?)null, (string?)null, $"{by.Name} withdrew the decision on comparison {comparisonId}.")), cancellation);
    }

    private async Task DecideAsync(
        CurrentPerson by, long comparisonId,
        Func<AnnotatorDbContext, Comparison, Judgment?, Task<(Verdict Verdict, int[][]? Ranking, string? Comment, string Audit)>> decide, CancellationToken cancellation)
    {
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        using var turn = await gate.EnterAsync(cancellation);
        await using var transaction = await db.Database.BeginTransactionAsync(cancellation);
        var comparison = await db.Comparisons.AsNoTracking().Include(c => c.Study).SingleOrDefaultAsync(c => c.Id == comparisonId, cancellation)
            ?? throw new RefusedException(words["This comparison is not there any more: reload the page."]);
        var standing = await db.Judgments.SingleOrDefaultAsync(j => j.ComparisonId == comparisonId && j.Origin == JudgmentOrigin.Adjudication && !j.IsSuperseded, cancellation);
        var (verdict, ranking, comment, audit) = await decide(db, comparison, standing);
        if (standing is not null)
        {
            standing.IsSuperseded = true;
            await db.SaveChangesAsync(cancellation);
        }

        var now = time.GetUtcNow().UtcDateTime;
        db.Judgments.Add(new()
        {
            ComparisonId = comparisonId,
            AnnotatorId = by.Id,
            StudyId = comparison.StudyId,
            PolicyId = comparison.PolicyId,
            PromptId = comparison.PromptId,
            Origin = JudgmentOrigin.Adjudication,
            Verdict = verdict,
            Ranking = ranking,
            Comment = string.IsNullOrWhiteSpace(comment) ? null : comment.Trim(),
            SidesShown = [.. Enumerable.Range(0, await db.ComparisonResponses.CountAsync(r => r.ComparisonId == comparisonId, cancellation))],
            Seconds = 0,
            GuidelinesVersion = comparison.Study!.GuidelinesVersion,
            SupersedesId = standing?.Id,
            RequestId = Guid.NewGuid(),
            CreatedAt = now,
        });
        db.AuditEntries.Add(new() { PersonId = by.Id, Action = "comparison.adjudicate", Detail = audit, At = now });
        await db.SaveChangesAsync(cancellation);
        await transaction.CommitAsync(cancellation);
    }

    private string? Problem(Verdict verdict, int[][]? ranking, int count)
    {
        if (verdict is not Verdict.Ranked)
        {
            return ranking is null && verdict == (count == 2 ? Verdict.BothBad : Verdict.NotRankable)
                ? (string?)null
                : count == 2 ? words["A decision on two responses is a ranking, or that both are bad."] : words["A decision on {0} responses is a ranking, or that they can't be ranked.", count];
        }

        try
        {
            return ranking is not null && new Ranking(ranking).Tiers.SelectMany(tier => tier).Order().SequenceEqual(Enumerable.Range(0, count))
                ? (string?)null
                : words["The ranking must name each position from 0 to {0} once.", count - 1];
        }
        catch (ArgumentException)
        {
            return words["The ranking must name each position from 0 to {0} once.", count - 1];
        }
    }

    /// <summary>By what their snapshots hold: the one truth of what a round took.</summary>
    private async Task<IReadOnlyList<RoundThatTook>> RoundsAsync(AnnotatorDbContext db, Comparison comparison, List<Judgment> judged, CancellationToken cancellation)
    {
        var first = judged[0].Id;
        var candidates = await db.Rounds.AsNoTracking().Where(r => r.StudyId == comparison.StudyId && r.LastJudgmentId >= first).OrderBy(r => r.Number).ToListAsync(cancellation);
        return
        [
            .. from round in candidates
               from judgment in judged
               where judgment.Id <= round.LastJudgmentId
               let split = SnapshotSearch.Find(rounds.Directory(round).Preferences, comparison.Id, judgment.Id)
               where split is not null
               select new RoundThatTook(round.Number, judgment.Id, split.Value),
        ];
    }

    private static ToldJudgment Told(CurrentPerson who, Judgment j) => new()
    {
        Id = j.Id, Who = Name(who, j.Annotator!), Origin = j.Origin, Verdict = j.Verdict, Ranking = j.Ranking, Strength = j.Strength, SkipReason = j.SkipReason, Comment = j.Comment,
        Reasons = j.Reasons, Flags = j.Flags, GoldCorrect = j.GoldCorrect, SidesShown = j.SidesShown, Seconds = j.Seconds, GuidelinesVersion = j.GuidelinesVersion,
        Supersedes = j.SupersedesId, IsSuperseded = j.IsSuperseded, At = j.CreatedAt,
    };

    /// <summary>Viewers know people by their pseudonyms; so does everybody those who were imported or whose account is gone.</summary>
    private static string Name(CurrentPerson who, Person person) =>
        who.IsAdmin && person is { IsImported: false, DeletedAt: null } ? person.UserName! : person.Pseudonym;
}

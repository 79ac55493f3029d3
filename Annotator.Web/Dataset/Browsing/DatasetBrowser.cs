using Annotator.Web.Data;
using Annotator.Web.Languages;
using Annotator.Web.Rounds;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Localization;

namespace Annotator.Web.Dataset.Browsing;

/// <summary>
/// The judged comparisons of a study: lists of them, one with its full story, and an admin's decision where annotators
/// disagree. A list answers in a fraction of a second whatever is asked: what no index finds is looked for in stretches of the
/// list, until a page is full or the time is up.
/// </summary>
public sealed partial class DatasetBrowser(IDbContextFactory<AnnotatorDbContext> contexts, RoundReader rounds, WriteGate gate, TimeProvider time, IStringLocalizer<Words> words)
{
    private const int Stretch = 4_000;
    private const int MostOfOneAnnotator = 50_000;
    private const int Beginning = 220;
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(150);

    /// <summary>A part of the list.</summary>
    /// <param name="after">Null = from the beginning.</param>
    /// <param name="size">At most so many rows.</param>
    /// <exception cref="NotAllowedException">Neither an admin nor a viewer.</exception>
    public async Task<ComparisonList> PageAsync(CurrentPerson who, DatasetFilter filter, ComparisonMark? after = null, int size = 50, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(who);
        ArgumentNullException.ThrowIfNull(filter);
        who.RequireViewer();
        var began = time.GetTimestamp();
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        var all = await AllAsync(db, filter, cancellation);
        var found = new List<(long Id, ComparisonMark Mark)>();
        var mark = after ?? new(long.MaxValue, filter is { ContestedFirst: true, Agreement: null });
        var cutShort = false;
        while (true)
        {
            var (before, contested) = (mark.LastJudgmentId, mark.AmongContested);
            var stretch = all.Where(c => c.LastJudgmentId < before);
            if (filter is { ContestedFirst: true, Agreement: null })
            {
                stretch = contested ? stretch.Where(c => c.Agreement == ComparisonAgreement.Contested) : stretch.Where(c => c.Agreement != ComparisonAgreement.Contested);
            }

            stretch = stretch.OrderByDescending(c => c.LastJudgmentId).Take(Stretch);
            found.AddRange((await Narrowed(db, stretch, filter).OrderByDescending(c => c.LastJudgmentId).Take(size + 1 - found.Count)
                .Select(c => new { c.Id, Last = c.LastJudgmentId!.Value }).ToListAsync(cancellation)).Select(c => (c.Id, new ComparisonMark(c.Last, contested))));
            if (found.Count > size)
            {
                break;
            }

            var end = await stretch.Skip(Stretch - 1).Select(c => c.LastJudgmentId).FirstOrDefaultAsync(cancellation);
            if (end is null && !contested)
            {
                break;
            }

            mark = end is { } last ? new(last, contested) : new(long.MaxValue, false);
            if (time.GetElapsedTime(began) > Patience)
            {
                cutShort = true;
                break;
            }
        }

        var rows = await RowsAsync(db, [.. found.Take(size).Select(one => one.Id)], cancellation);
        return new(rows, found.Count > size ? found[size - 1].Mark : cutShort ? mark : null, cutShort);
    }

    /// <summary>What lists of a study can be narrowed to.</summary>
    /// <exception cref="NotAllowedException">Neither an admin nor a viewer.</exception>
    public async Task<FilterChoices> ChoicesAsync(CurrentPerson who, long studyId, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(who);
        who.RequireViewer();
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        var policies = await db.Policies.Where(p => p.StudyId == studyId).OrderByDescending(p => p.Number).Select(p => p.Number).ToListAsync(cancellation);
        var people = await db.Users.AsNoTracking().Where(p => db.Judgments.Any(j => j.AnnotatorId == p.Id && j.StudyId == studyId && !j.IsSuperseded)).ToListAsync(cancellation);
        return new(policies, [.. people.Select(p => new AnnotatorChoice(p.Pseudonym, Name(who, p))).OrderBy(p => p.Name, StringComparer.OrdinalIgnoreCase)]);
    }

    /// <summary>What an index finds.</summary>
    private static async Task<IQueryable<Comparison>> AllAsync(AnnotatorDbContext db, DatasetFilter filter, CancellationToken cancellation)
    {
        if (filter.Annotator is { } pseudonym)
        {
            var theirs = db.Judgments.Where(j => j.Annotator!.Pseudonym == pseudonym && j.StudyId == filter.StudyId && !j.IsSuperseded && j.Verdict != Verdict.Withdrawn
                && (j.Origin == JudgmentOrigin.Queue || j.Origin == JudgmentOrigin.Edit));
            if (await theirs.Take(MostOfOneAnnotator + 1).CountAsync(cancellation) <= MostOfOneAnnotator)
            {
                return theirs.Select(j => j.Comparison!).Where(c => filter.Policy == null || c.Policy!.Number == filter.Policy).Where(c => filter.Agreement == null || c.Agreement == filter.Agreement);
            }
        }

        var all = db.Comparisons.Where(c => c.StudyId == filter.StudyId);
        if (filter.Policy is { } number)
        {
            var policy = await db.Policies.Where(p => p.StudyId == filter.StudyId && p.Number == number).Select(p => p.Id).FirstOrDefaultAsync(cancellation);
            all = db.Comparisons.Where(c => c.PolicyId == policy);
        }

        return filter.Agreement is { } agreement ? all.Where(c => c.Agreement == agreement) : all;
    }

    /// <summary>What must be looked at one by one.</summary>
    private static IQueryable<Comparison> Narrowed(AnnotatorDbContext db, IQueryable<Comparison> stretch, DatasetFilter filter)
    {
        if (!string.IsNullOrWhiteSpace(filter.Text))
        {
            var pattern = $"%{filter.Text.Trim().Replace("\\", "\\\\", StringComparison.Ordinal).Replace("%", "\\%", StringComparison.Ordinal).Replace("_", "\\_", StringComparison.Ordinal)}%";
            stretch = stretch.Where(c => EF.Functions.Like(c.Prompt!.Text, pattern, "\\") || c.Responses.Any(r => EF.Functions.Like(r.Response!.Text, pattern, "\\")));
        }

        if (filter.Annotator is { } pseudonym)
        {
            stretch = stretch.Where(c => db.Judgments.Any(j => j.ComparisonId == c.Id && j.Annotator!.Pseudonym == pseudonym && !j.IsSuperseded && j.Verdict != Verdict.Withdrawn));
        }

        if (filter.From is not null || filter.To is not null)
        {
            var from = filter.From?.ToDateTime(TimeOnly.MinValue, DateTimeKind.Utc) ?? DateTime.MinValue;
            var until = filter.To?.AddDays(1).ToDateTime(TimeOnly.MinValue, DateTimeKind.Utc) ?? DateTime.MaxValue;
            stretch = stretch.Where(c => db.Judgments.Any(j => j.ComparisonId == c.Id && !j.IsSuperseded && j.Verdict != Verdict.Withdrawn && j.CreatedAt >= from && j.CreatedAt < until));
        }

        return stretch;
    }

    private static async Task<IReadOnlyList<ComparisonRow>> RowsAsync(AnnotatorDbContext db, IReadOnlyList<long> ids, CancellationToken cancellation)
    {
        var rows = await db.Comparisons.AsNoTracking().Where(c => ids.Contains(c.Id)).Select(c => new
        {
            c.Id,
            c.Purpose,
            Prompt = c.Prompt!.Text.Substring(0, Beginning),
            Policy = c.Policy!.Number,
            c.Agreement,
            LastJudgedAt = db.Judgments.Where(j => j.Id == c.LastJudgmentId).Select(j => j.CreatedAt).First(),
        }).ToDictionaryAsync(c => c.Id, cancellation);
        var responses = (await db.ComparisonResponses.AsNoTracking().Where(r => ids.Contains(r.ComparisonId)).OrderBy(r => r.Position)
            .Select(r => new { r.ComparisonId, Text = r.Response!.Text.Substring(0, Beginning) }).ToListAsync(cancellation)).ToLookup(r => r.ComparisonId, r => r.Text);
        // Adjudications and repeats aside: what annotators said.
        var answers = (await db.Judgments.AsNoTracking()
            .Where(j => ids.Contains(j.ComparisonId) && !j.IsSuperseded && j.Verdict != Verdict.Withdrawn && (j.Origin == JudgmentOrigin.Queue || j.Origin == JudgmentOrigin.Edit))
            .Select(j => new { j.ComparisonId, j.Verdict, j.Ranking }).ToListAsync(cancellation)).ToLookup(j => j.ComparisonId);
        return
        [
            .. ids.Select(id => rows[id]).Select(row => new ComparisonRow
            {
                Id = row.Id, Purpose = row.Purpose, Prompt = row.Prompt, Responses = [.. responses[row.Id]], Policy = row.Policy, Agreement = row.Agreement, LastJudgedAt = row.LastJudgedAt,
                Answers =
                [
                    .. answers[row.Id].GroupBy(j => (j.Verdict, j.Ranking is { } tiers ? new Model.Preferences.Ranking(tiers) : null))
                        .Select(same => new AnswerCount(same.Key.Verdict, same.First().Ranking, same.Count())).OrderByDescending(answer => answer.Count),
                ],
            }),
        ];
    }
}

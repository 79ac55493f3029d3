using Annotator.Web.Data;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Web.Dataset.Importing;

/// <summary>
/// Writes the lines of an import, batch by batch. Each batch is a short transaction of its own; its judgments become the
/// study's only with the last (<see cref="Import.StagingStudyId"/>).
/// </summary>
internal sealed class ImportWriter(IDbContextFactory<AnnotatorDbContext> contexts, Import import, long policyId, KnownJudgments known, ImportReading reading, bool keepsIds)
{
    private readonly Dictionary<string, string> people = new(StringComparer.Ordinal);
    private readonly Dictionary<string, long> policies = new(StringComparer.Ordinal);
    private readonly Dictionary<UInt128, long> prompts = known.Prompts.ToDictionary(prompt => prompt.Key, prompt => prompt.Value.Id);

    /// <summary>By the ids of a log; other lines are on their own.</summary>
    private readonly Dictionary<long, long> comparisons = [], judgments = [], responses = [];

    public int Written { get; private set; }

    /// <summary>Judgments that stand, repeats and edits aside: what the study counts.</summary>
    public int Standing { get; private set; }

    public async Task WriteAsync(IReadOnlyList<ImportedLine> lines, CancellationToken cancellation)
    {
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        db.ChangeTracker.AutoDetectChangesEnabled = false;
        await using var transaction = await db.Database.BeginTransactionAsync(cancellation);
        if (policies.Count == 0)
        {
            foreach (var policy in await db.Policies.AsNoTracking().Where(p => p.StudyId == import.StudyId).OrderBy(p => p.Number).ToListAsync(cancellation))
            {
                policies.TryAdd(policy.Hash, policy.Id);
            }
        }

        await AddPeopleAsync(db, lines, cancellation);
        var asked = AddPrompts(db, lines);
        var compared = AddComparisons(db, lines, asked);
        await db.SaveWithoutSavepointAsync(cancellation);
        Remember(lines, asked, compared);

        // Ids of our own choice: a log gives judgments in their order, and the order of inserts is not ours to say.
        var next = await NextIdAsync(db, cancellation);
        foreach (var (line, comparison) in lines.Zip(compared))
        {
            db.Judgments.Add(NewJudgment(line, next++, comparison));
        }

        await db.SaveWithoutSavepointAsync(cancellation);
        await transaction.CommitAsync(cancellation);
        Written += lines.Count;
        Standing += lines.Count(line => line.Judgment is { SupersededBy: null, Verdict: not Verdict.Withdrawn, Origin: JudgmentOrigin.Queue });
    }

    /// <summary>A pseudonym that somebody here has is that person: in another study of theirs, say.</summary>
    private async Task AddPeopleAsync(AnnotatorDbContext db, IReadOnlyList<ImportedLine> lines, CancellationToken cancellation)
    {
        var names = lines.SelectMany(line => line.Judgment.Responses.Select(response => response.Author).Append(line.Judgment.Annotator))
            .OfType<string>().Distinct(StringComparer.Ordinal).Where(name => !people.ContainsKey(name)).ToList();
        foreach (var there in await db.Users.AsNoTracking().Where(p => names.Contains(p.Pseudonym)).Select(p => new { p.Pseudonym, p.Id }).ToListAsync(cancellation))
        {
            people.Add(there.Pseudonym, there.Id);
        }

        foreach (var name in names.Where(name => !people.ContainsKey(name)))
        {
            var person = new Person { Pseudonym = name, IsImported = true, CreatedAt = import.CreatedAt };
            person.UserName = $"imported:{person.Id}";
            person.NormalizedUserName = person.UserName.ToUpperInvariant();
            db.Users.Add(person);
            people.Add(name, person.Id);
        }
    }

    private List<Prompt?> AddPrompts(AnnotatorDbContext db, IReadOnlyList<ImportedLine> lines)
    {
        var added = new Dictionary<UInt128, Prompt>();
        var asked = new List<Prompt?>();
        foreach (var line in lines)
        {
            var said = line.Judgment.Prompt;
            var key = ImportedLine.PromptKey(said.Text, said.Messages);
            if (!prompts.ContainsKey(key) && !added.ContainsKey(key))
            {
                added.Add(key, new() { StudyId = import.StudyId, Text = said.Text, Messages = said.Messages, Split = said.Split, IsPaused = true, ImportId = import.Id, CreatedAt = import.CreatedAt });
                db.Prompts.Add(added[key]);
            }

            asked.Add(added.GetValueOrDefault(key));
        }

        return asked;
    }

    /// <summary>The comparison of each line: a new one, or null where it is one of an earlier batch.</summary>
    private List<Comparison?> AddComparisons(AnnotatorDbContext db, IReadOnlyList<ImportedLine> lines, List<Prompt?> asked)
    {
        var added = new Dictionary<long, Comparison>();
        var written = new Dictionary<long, Response>();
        var compared = new List<Comparison?>();
        foreach (var (line, prompt) in lines.Zip(asked))
        {
            var id = line.Source.Log?.Comparison;
            if (id is { } known && (comparisons.ContainsKey(known) || reading.KnownComparisons.ContainsKey(known)))
            {
                compared.Add(null);
                continue;
            }

            if (id is { } there && added.TryGetValue(there, out var comparison))
            {
                compared.Add(comparison);
                continue;
            }

            comparison = NewComparison(line, prompt, written);
            db.Comparisons.Add(comparison);
            compared.Add(comparison);
            if (id is { } logged)
            {
                added.Add(logged, comparison);
            }
        }

        return compared;
    }

    private Comparison NewComparison(ImportedLine line, Prompt? prompt, Dictionary<long, Response> written)
    {
        var judgment = line.Judgment;
        var promptId = prompt is null ? prompts[ImportedLine.PromptKey(judgment.Prompt.Text, judgment.Prompt.Messages)] : 0;
        var comparison = new Comparison
        {
            StudyId = import.StudyId, PromptId = promptId, Prompt = prompt, PolicyId = policyId, Purpose = judgment.Purpose, GoldRanking = judgment.GoldRanking,
            QueueOrder = 0, OpenPlaces = 0, JudgmentCount = line.IsOfLog ? 0 : 1, RetiredAt = import.CreatedAt, ImportId = import.Id, CreatedAt = judgment.CreatedAt,
        };
        foreach (var response in judgment.Responses)
        {
            comparison.Responses.Add(line.IsOfLog && responses.TryGetValue(response.Id, out var there)
                ? new() { Position = response.Position, ResponseId = there }
                : new() { Position = response.Position, Response = line.IsOfLog && written.TryGetValue(response.Id, out var same) ? same : NewResponse(line, response, promptId, prompt, written) });
        }

        return comparison;
    }

    private Response NewResponse(ImportedLine line, LogResponse said, long promptId, Prompt? prompt, Dictionary<long, Response> written)
    {
        long? own = said.Policy is { } hash && policies.TryGetValue(hash, out var id) ? id : null;
        var response = new Response
        {
            PromptId = promptId, Prompt = prompt, PolicyId = own, AuthorId = said.Author is { } author ? people[author] : null,
            SourcePolicy = own is null ? said.Policy : null, SourcePolicyNumber = own is null ? said.PolicyNumber : null,
            Text = said.Text, TokenIds = said.TokenIds, PromptTokenIds = said.PromptTokenIds, LogProbability = said.LogProbability,
            Sampling = new() { Temperature = said.Temperature, TopP = said.TopP, TopK = said.TopK, MaxTokens = said.MaxTokens },
            Seed = said.Seed, FinishReason = said.FinishReason, CreatedAt = said.CreatedAt,
        };
        if (line.IsOfLog)
        {
            if (said.EditedFrom is { } from)
            {
                response.EditedFromId = responses.TryGetValue(from, out var earlier) ? earlier : null;
                response.EditedFrom = written.GetValueOrDefault(from);
            }

            written.Add(said.Id, response);
        }

        return response;
    }

    private void Remember(IReadOnlyList<ImportedLine> lines, List<Prompt?> asked, List<Comparison?> compared)
    {
        foreach (var ((line, prompt), comparison) in lines.Zip(asked).Zip(compared))
        {
            if (prompt is not null)
            {
                prompts.TryAdd(ImportedLine.PromptKey(prompt.Text, prompt.Messages), prompt.Id);
            }

            if (line.IsOfLog && comparison is not null)
            {
                comparisons.TryAdd(line.Judgment.Comparison, comparison.Id);
                foreach (var (said, place) in line.Judgment.Responses.Zip(comparison.Responses))
                {
                    responses.TryAdd(said.Id, place.ResponseId);
                }
            }
        }
    }

    private Judgment NewJudgment(ImportedLine line, long id, Comparison? comparison)
    {
        var said = line.Judgment;
        if (line.IsOfLog)
        {
            judgments.Add(said.Id, id);
        }

        return new()
        {
            Id = id, ComparisonId = comparison?.Id ?? (comparisons.TryGetValue(said.Comparison, out var there) ? there : reading.KnownComparisons[said.Comparison]),
            StudyId = Import.StagingStudyId(import.Id), PolicyId = policyId, PromptId = prompts[ImportedLine.PromptKey(said.Prompt.Text, said.Prompt.Messages)],
            AnnotatorId = people[said.Annotator], Origin = said.Origin, Verdict = said.Verdict, Ranking = said.Ranking, Strength = said.Strength, SkipReason = said.SkipReason,
            Comment = said.Comment, Reasons = said.Reasons, OrderUntouched = said.OrderUntouched == true, GoldCorrect = said.GoldCorrect, SidesShown = said.SidesShown,
            Flags = said.Flags is null ? null : [.. said.Flags.Select(words => words.Aggregate(ResponseFaults.None, (all, word) => all | word))],
            Seconds = said.Seconds, GuidelinesVersion = said.GuidelinesVersion, SupersedesId = Here(said.Supersedes), GivenWithId = Here(said.GivenWith),
            IsSuperseded = said.SupersededBy is not null, Source = keepsIds ? line.Source : line.Source with { Log = null }, RequestId = Guid.NewGuid(), CreatedAt = said.CreatedAt,
        };
    }

    private long? Here(long? logged) => logged is not { } id ? null : judgments.TryGetValue(id, out var here) ? here : reading.KnownIds[id];

    /// <summary>Within the transaction, so nobody else takes it.</summary>
    private static async Task<long> NextIdAsync(AnnotatorDbContext db, CancellationToken cancellation) =>
        1 + await db.Database.SqlQuery<long>($"SELECT coalesce(max(seq), 0) AS Value FROM sqlite_sequence WHERE name = 'Judgments'").SingleAsync(cancellation);
}

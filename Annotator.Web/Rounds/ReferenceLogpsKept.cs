using Annotator.Model.Preferences;
using Annotator.Web.Data;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Web.Rounds;

/// <summary>Takes what a round computed under its reference into the database, for every later round with that reference.</summary>
public static class ReferenceLogpsKept
{
    private const int LinesAtATime = 200;

    /// <summary>Adds what is new; short transactions, as annotators' judgments wait behind each.</summary>
    /// <param name="db">A context of this operation's own.</param>
    /// <param name="directory">Of a round that has a result.</param>
    /// <param name="cancellation">Keeps what is already in.</param>
    public static async Task KeepAsync(AnnotatorDbContext db, RoundDirectory directory, CancellationToken cancellation)
    {
        if (!File.Exists(directory.ReferenceLogps) || RoundResult.Read(directory.Result).Hashes.GetValueOrDefault("reference") is not { } reference)
        {
            return;
        }

        foreach (var lines in JsonLines.Read<ReferenceLogpsLine>(directory.ReferenceLogps).Chunk(LinesAtATime))
        {
            var comparisons = lines.Select(line => RoundSelection.ComparisonId(line.Id)).Distinct().ToList();
            var places = await db.ComparisonResponses.AsNoTracking().Where(r => comparisons.Contains(r.ComparisonId))
                .ToDictionaryAsync(r => (r.ComparisonId, r.Position), r => r.ResponseId, cancellation);
            var responses = places.Values.ToList();
            var known = await db.ReferenceLogProbabilities.AsNoTracking()
                .Where(l => l.PolicyHash == reference && responses.Contains(l.ResponseId)).Select(l => l.ResponseId).ToHashSetAsync(cancellation);
            foreach (var line in lines)
            {
                foreach (var (position, logp) in line.ReferenceLogps.Index())
                {
                    if (logp is { } value && places.TryGetValue((RoundSelection.ComparisonId(line.Id), position), out var response) && known.Add(response))
                    {
                        db.ReferenceLogProbabilities.Add(new() { ResponseId = response, PolicyHash = reference, LogProbability = value });
                    }
                }
            }

            await db.SaveChangesAsync(cancellation);
            db.ChangeTracker.Clear();
        }
    }
}

using Annotator.Model.Preferences;
using Annotator.Web.Data;
using Annotator.Web.Languages;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Localization;

namespace Annotator.Web.Rounds;

/// <summary>Fills a round's directory: options, directories of policy and reference, the snapshot of preferences.</summary>
public sealed class RoundPreparation(IDbContextFactory<AnnotatorDbContext> contexts, RoundSnapshot snapshot, DataFolder folder, IStringLocalizer<Words> words)
{
    private const int MostPrompts = 64;

    /// <summary>
    /// Writes what the trainer reads and records it in the round's row. A round that goes on keeps what it has: it is a
    /// function of its directory.
    /// </summary>
    /// <exception cref="RefusedException">There is nothing to train on.</exception>
    public async Task PrepareAsync(long roundId, RoundDirectory directory, CancellationToken cancellation)
    {
        // An earlier attempt's ending is not this one's.
        if (File.Exists(directory.Result))
        {
            File.Delete(directory.Result);
        }

        await using var db = await contexts.CreateDbContextAsync(cancellation);
        var round = await db.Rounds.SingleAsync(r => r.Id == roundId, cancellation);
        if (round.InitPolicyId is not null && File.Exists(directory.Options))
        {
            return;
        }

        if (Directory.Exists(directory.Root))
        {
            // Left by an attempt that ended before it was recorded.
            Directory.Delete(directory.Root, recursive: true);
        }

        var sft = await db.Policies.SingleAsync(p => p.StudyId == round.StudyId && p.Number == 0, cancellation);
        var newest = await db.Studies.Where(s => s.Id == round.StudyId).Select(s => s.CurrentPolicy!).SingleAsync(cancellation);
        var init = round.Init == RoundInit.Sft ? sft : newest;
        var reference = round.Reference == RoundReference.Sft ? sft : newest;
        var counts = await snapshot.WriteAsync(round.StudyId, round.Data, reference.Hash, directory, cancellation);
        round.PreferenceCount = counts.Preferences;
        round.LastJudgmentId = counts.LastJudgmentId ?? round.LastJudgmentId;
        await db.SaveChangesAsync(cancellation);
        if (RoundOperations.NothingToTrainOn(counts, words) is { } reason)
        {
            throw new RefusedException(reason);
        }

        await WritePromptsAsync(db, round.StudyId, directory, cancellation);
        var options = RoundOptionsText.Parse(round.Options) with
        {
            Policy = Path.GetRelativePath(directory.Root, folder.Policy(init.Hash)),
            Reference = Path.GetRelativePath(directory.Root, folder.Policy(reference.Hash)),
        };
        options.Write(directory.Options);
        round.InitPolicyId = init.Id;
        await db.SaveChangesAsync(cancellation);
    }

    /// <summary>The study's first held-out prompts, the same in every round: what the trainer draws fresh samples on.</summary>
    private static async Task WritePromptsAsync(AnnotatorDbContext db, long studyId, RoundDirectory directory, CancellationToken cancellation)
    {
        var prompts = await db.Prompts.AsNoTracking().Where(p => p.StudyId == studyId && p.Split == PromptSplit.Heldout).OrderBy(p => p.Id).Take(MostPrompts).ToListAsync(cancellation);
        if (prompts.Count > 0)
        {
            JsonLines.Write(directory.Prompts, prompts.Select(p => new RoundPromptLine { Prompt = p.Messages is { } messages ? TextOrMessages.FromMessages(messages) : p.Text }));
        }
    }
}

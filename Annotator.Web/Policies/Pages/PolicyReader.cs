using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using Annotator.Model.Policies;
using Annotator.Model.Preferences;
using Annotator.Web.Data;
using Annotator.Web.Evaluations;
using Annotator.Web.Rounds;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Web.Policies.Pages;

/// <summary>A study's line of policies, and what serves.</summary>
public sealed record LineView
{
    public required Study Study { get; init; }

    /// <summary>From policy 0 on.</summary>
    public required IReadOnlyList<Policy> Line { get; init; }

    /// <summary>The number of each round that made one of them, by its id.</summary>
    public required IReadOnlyDictionary<long, int> RoundNumbers { get; init; }

    /// <summary>A round of the study runs now.</summary>
    public required bool IsTraining { get; init; }

    public required EvaluationReport Evaluation { get; init; }

    public Policy? Serving => Line.FirstOrDefault(p => p.Id == Study.CurrentPolicyId);
    public Policy? Second => Line.FirstOrDefault(p => p.Id == Study.SecondPolicyId);
    public Policy? Waiting => Study.Evaluation.HasGate ? Line.FirstOrDefault(p => p.AwaitsGate) : null;
}

/// <summary>A file of a policy's directory.</summary>
public sealed record PolicyFile(string Name, long Bytes);

/// <summary>Everything that is known of one policy.</summary>
/// <param name="Line">The line that it is in.</param>
/// <param name="Round">The round that made it; null for policy 0 and imported ones.</param>
/// <param name="Files">Of its directory in the registry; empty if that was removed.</param>
/// <param name="Architecture">What its <c>config.json</c> says: model_type, layers and the like.</param>
/// <param name="ModelCard">Its README.md, Markdown; null if it has none.</param>
public sealed record PolicyCard(
    Policy Policy, LineView Line, RoundView? Round, IReadOnlyList<PolicyFile> Files, IReadOnlyList<KeyValuePair<string, string>> Architecture, string? ModelCard)
{
    /// <summary>The pairs that it is in, each seen from it.</summary>
    public IReadOnlyList<PairResult> Pairs =>
    [
        .. Line.Evaluation.Pairs.Where(pair => pair.New == Policy.Number || pair.Old == Policy.Number).Select(pair => pair.New == Policy.Number ? pair : pair.Swapped),
    ];

    public PolicyRating? Rating => Line.Evaluation.Ratings.FirstOrDefault(rating => rating.Number == Policy.Number);
}

/// <summary>Reads policies for pages and API.</summary>
public sealed class PolicyReader(IDbContextFactory<AnnotatorDbContext> contexts, PolicyRegistry registry, EvaluationReader evaluations, RoundReader rounds)
{
    private const long LongestCard = 200_000;
    private static readonly string[] Told = ["model_type", "n_layer", "num_hidden_layers", "n_embd", "hidden_size", "n_head", "num_attention_heads", "n_positions", "max_position_embeddings", "vocab_size"];

    /// <summary>A study's line.</summary>
    /// <exception cref="NotAllowedException">Neither a viewer nor an admin.</exception>
    /// <exception cref="RefusedException">There is no such study.</exception>
    public async Task<LineView> LineAsync(CurrentPerson who, long studyId, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(who);
        who.RequireViewer();
        var evaluation = await evaluations.ReadAsync(who, studyId, cancellation);
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        return new()
        {
            Study = await db.Studies.AsNoTracking().SingleAsync(s => s.Id == studyId, cancellation),
            Line = evaluation.Line,
            RoundNumbers = await db.Rounds.Where(r => r.StudyId == studyId && r.ResultPolicyId != null).ToDictionaryAsync(r => r.Id, r => r.Number, cancellation),
            IsTraining = await db.Rounds.AnyAsync(r => r.StudyId == studyId && r.State == RoundState.Running, cancellation),
            Evaluation = evaluation,
        };
    }

    /// <summary>One policy by its number; null if there is none.</summary>
    /// <inheritdoc cref="LineAsync" path="/exception"/>
    public async Task<PolicyCard?> FindAsync(CurrentPerson who, long studyId, int number, CancellationToken cancellation = default)
    {
        var line = await LineAsync(who, studyId, cancellation);
        if (line.Line.FirstOrDefault(p => p.Number == number) is not { } policy)
        {
            return null;
        }

        var round = policy.RoundId is { } id && line.RoundNumbers.TryGetValue(id, out var roundNumber) ? await rounds.FindAsync(who, studyId, roundNumber, cancellation) : null;
        var directory = registry.PathOf(policy.Hash);
        if (!registry.Contains(policy.Hash))
        {
            return new(policy, line, round, [], [], null);
        }

        var files = new DirectoryInfo(directory).EnumerateFiles().OrderBy(file => file.Name, StringComparer.Ordinal).Select(file => new PolicyFile(file.Name, file.Length)).ToList();
        var card = files.Find(file => file.Name == "README.md" && file.Bytes <= LongestCard);
        return new(policy, line, round, files, Architecture(Path.Combine(directory, PolicyFiles.Config)), card is null ? null : await File.ReadAllTextAsync(Path.Combine(directory, card.Name), cancellation));
    }

    /// <summary>One of a study's held-out prompts, or of all if it has none, drawn at random; null if it has no prompt.</summary>
    /// <exception cref="NotAllowedException">Neither a viewer nor an admin.</exception>
    public async Task<TextOrMessages?> SomePromptAsync(CurrentPerson who, long studyId, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(who);
        who.RequireViewer();
        await using var db = await contexts.CreateDbContextAsync(cancellation);
        var prompts = db.Prompts.AsNoTracking().Where(p => p.StudyId == studyId);
        var heldout = prompts.Where(p => p.Split == PromptSplit.Heldout);
        var from = await heldout.AnyAsync(cancellation) ? heldout : prompts;
        var count = await from.CountAsync(cancellation);
        var drawn = count == 0 ? null : await from.OrderBy(p => p.Id).Skip(RandomNumberGenerator.GetInt32(count)).FirstOrDefaultAsync(cancellation);
        return drawn is null ? null : drawn.Messages is { } messages ? TextOrMessages.FromMessages(messages) : (TextOrMessages)drawn.Text;
    }

    private static List<KeyValuePair<string, string>> Architecture(string config)
    {
        try
        {
            return JsonNode.Parse(File.ReadAllText(config)) is JsonObject told
                ? [.. Told.Where(name => told[name] is JsonValue).Select(name => KeyValuePair.Create(name, told[name]!.ToString()))]
                : [];
        }
        catch (Exception e) when (e is IOException or JsonException)
        {
            return [];
        }
    }
}

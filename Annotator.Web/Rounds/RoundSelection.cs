using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Annotator.Model.Preferences;
using Annotator.Web.Data;

namespace Annotator.Web.Rounds;

/// <summary>A current judgment together with what it was about: all that the selection needs to know.</summary>
public sealed record JudgedComparison
{
    public required long JudgmentId { get; init; }
    public required long ComparisonId { get; init; }
    public JudgmentOrigin Origin { get; init; }

    /// <summary>Nobody is to learn from its annotator in this study: <see cref="LeftOutAnnotator"/>.</summary>
    public bool IsAnnotatorLeftOut { get; init; }

    /// <summary>An admin's decision stands on the comparison: <see cref="JudgmentOrigin.Adjudication"/>.</summary>
    public bool IsAdjudicated { get; init; }
    public required Verdict Verdict { get; init; }

    /// <summary>Tiers of positions, best first; null unless <see cref="Verdict.Ranked"/>.</summary>
    public int[][]? Ranking { get; init; }
    public int? Strength { get; init; }

    /// <summary>What the imported line said beyond this; null unless it was imported.</summary>
    public JudgmentSource? Source { get; init; }
    public required ComparisonPurpose Purpose { get; init; }

    /// <summary>The prompt as text; a chat's plain rendering.</summary>
    public required string Prompt { get; init; }

    /// <summary>The prompt's turns; null for plain text.</summary>
    public IReadOnlyList<ChatMessage>? Messages { get; init; }
    public required PromptSplit PromptSplit { get; init; }

    /// <summary>In the order of their positions, which count from 0.</summary>
    public required IReadOnlyList<JudgedResponse> Responses { get; init; }

    /// <summary>Beside the selection, for the preview: the policy that asked for the comparison, and how many judged it.</summary>
    public long PolicyId { get; init; }
    public int JudgmentsOfComparison { get; init; }

    /// <summary>Beside the selection, for datasets: who, when, of which prompt, and with what to say.</summary>
    public string? AnnotatorId { get; init; }
    public DateTime? CreatedAt { get; init; }
    public long? PromptId { get; init; }
    public string? Comment { get; init; }

    /// <summary>The prompt as datasets hold it.</summary>
    public TextOrMessages PromptAsAsked => Messages is { } messages ? TextOrMessages.FromMessages(messages) : Prompt;
}

/// <summary>One response of a <see cref="JudgedComparison"/>.</summary>
/// <param name="TokenIds">Null where the sampler gave none, and for a text that a person wrote.</param>
/// <param name="PolicyHash">Null for a text that a person wrote, or nobody knows who; an imported file's own name for a policy that is none of the study's.</param>
/// <param name="ReferenceLogp">Under the round's reference, where an earlier round has computed it.</param>
public sealed record JudgedResponse(string Text, int[]? TokenIds, int[]? PromptTokenIds, string? PolicyHash, double? ReferenceLogp = null)
{
    /// <summary>Null unless a person wrote it.</summary>
    public TextAuthor? Author { get; init; }

    /// <summary>It was imported, and no policy of the study wrote it: its token ids may be of another vocabulary, so its text is trained on.</summary>
    public bool IsForeign { get; init; }
}

/// <summary>Why a current judgment is not trained on.</summary>
public enum LeftOut
{
    /// <summary>It says that the responses are equally good: never turned into a preference.</summary>
    Tie,
    BothBad,
    Skipped,
    Withdrawn,

    /// <summary>Its prompt is held out for evaluation.</summary>
    HeldOutPrompt,

    /// <summary>Its comparison was made to evaluate policies or annotators, not to train.</summary>
    NotForTraining,

    /// <summary>Both responses are the same text.</summary>
    IdenticalTexts,

    /// <summary>The annotator could not put the responses in an order.</summary>
    NotRankable,

    /// <summary>The annotator judged the comparison a second time, to see whether the answer stays the same: the first one counts.</summary>
    Repeat,

    /// <summary>Its annotator is left out of training in this study.</summary>
    AnnotatorLeftOut,

    /// <summary>An admin's decision on the comparison counts in its place.</summary>
    Overruled,
}

/// <summary>
/// Which judgments become preferences, and which of these only measure. Pure: the same judgments give the same lines.
/// </summary>
public static class RoundSelection
{
    /// <summary>The share of prompts whose preferences measure the round (<c>eval_</c> metrics) instead of training it.</summary>
    public const double EvalShare = 0.1;

    /// <summary>Why the judgment can't be trained on, or null if it can.</summary>
    public static LeftOut? ReasonToLeaveOut(JudgedComparison judged) => judged switch
    {
        { Verdict: Verdict.Withdrawn } => LeftOut.Withdrawn,
        { Verdict: Verdict.Skipped } => LeftOut.Skipped,
        { IsAnnotatorLeftOut: true, Origin: not JudgmentOrigin.Adjudication } => LeftOut.AnnotatorLeftOut,
        { IsAdjudicated: true, Origin: not JudgmentOrigin.Adjudication } => LeftOut.Overruled,
        { Verdict: Verdict.BothBad } => LeftOut.BothBad,
        { Verdict: Verdict.NotRankable } => LeftOut.NotRankable,
        { Origin: JudgmentOrigin.Repeat } => LeftOut.Repeat,
        { Purpose: not (ComparisonPurpose.Train or ComparisonPurpose.Edit) } => LeftOut.NotForTraining,
        { PromptSplit: PromptSplit.Heldout } => LeftOut.HeldOutPrompt,
        { Ranking: null or { Length: < 2 } } => LeftOut.Tie,
        _ when StatesNothing(judged) => LeftOut.IdenticalTexts,
        _ => null,
    };

    /// <summary>The line of <c>preferences.jsonl</c> of a judgment that <see cref="ReasonToLeaveOut"/> lets through.</summary>
    public static PreferenceLine Line(JudgedComparison judged, long evalSeed)
    {
        var promptTokens = judged.Responses.Any(response => response.IsForeign) ? null : SharedPromptTokens(judged.Responses);
        return new()
        {
            Id = $"{judged.ComparisonId}/{judged.JudgmentId}",
            Prompt = judged.PromptAsAsked,
            PromptTokenIds = promptTokens,
            Completions = [.. judged.Responses.Select(response => new PreferenceCompletion
            {
                Text = response.Text,
                TokenIds = response.IsForeign ? null : response.TokenIds,
                // It is that of these tokens after the prompt's.
                ReferenceLogp = promptTokens is null || response.TokenIds is null ? null : response.ReferenceLogp,
                Policy = response.PolicyHash,
                Author = response.Author,
            })],
            Ranking = new Ranking(judged.Ranking!),
            Weight = judged.Source?.Weight ?? 1,
            Split = IsForEvaluation(judged.Prompt, evalSeed) ? PreferenceSplit.Eval : PreferenceSplit.Train,
        };
    }

    /// <summary>The comparison of a line that <see cref="Line"/> made.</summary>
    public static long ComparisonId(string lineId) => long.Parse(lineId.AsSpan(0, lineId.IndexOf('/')), CultureInfo.InvariantCulture);

    /// <summary>The line of the <c>ranking</c> format: as <see cref="Line"/>, with all that an imported one came with.</summary>
    public static PreferenceLine ExportLine(JudgedComparison judged, long evalSeed)
    {
        var line = Line(judged, evalSeed);
        return judged.Source is not { } source ? line : line with
        {
            Id = source.Id ?? line.Id,
            Split = source.Split ?? line.Split,
            PromptTokenIds = SharedPromptTokens(judged.Responses),
            Completions = [.. line.Completions.Zip(judged.Responses, (completion, response) => completion with { TokenIds = response.TokenIds })
                .Select((completion, position) => completion with { ReferenceLogp = source.ReferenceLogps?[position] })],
        };
    }

    /// <summary>
    /// True for <see cref="EvalShare"/> of all prompts, by a hash of the text: a prompt keeps its part over all rounds
    /// of a study, so that no round measures itself on what an earlier one was trained on.
    /// </summary>
    public static bool IsForEvaluation(string prompt, long seed)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes($"{seed}:{prompt}"), hash);
        return BinaryPrimitives.ReadUInt64BigEndian(hash) < EvalShare * ulong.MaxValue;
    }

    /// <summary>True when every pair that the ranking implies is one text twice.</summary>
    private static bool StatesNothing(JudgedComparison judged) => judged.Ranking is [[var better], [var worse]]
        ? judged.Responses[better].Text == judged.Responses[worse].Text
        : new Ranking(judged.Ranking!).Pairs().All(pair => judged.Responses[pair.Better].Text == judged.Responses[pair.Worse].Text);

    /// <summary>The prompt's tokens if every response saw the same ones; otherwise the text must serve.</summary>
    private static int[]? SharedPromptTokens(IReadOnlyList<JudgedResponse> responses) =>
        responses[0].PromptTokenIds is { } first && responses.All(r => r.PromptTokenIds is { } ids && ids.AsSpan().SequenceEqual(first))
            ? first
            : null;
}

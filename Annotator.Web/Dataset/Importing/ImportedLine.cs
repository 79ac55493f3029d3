using System.Security.Cryptography;
using System.Text;
using Annotator.Model.Preferences;
using Annotator.Model.Preferences.Datasets;
using Annotator.Web.Data;

namespace Annotator.Web.Dataset.Importing;

/// <summary>A judgment of a file as a line of a <c>log</c>, whatever it was spelled in: one shape for all that is stored.</summary>
/// <param name="Line">Where it begins in the file.</param>
/// <param name="Judgment">Ids are those of a log; of other formats they mean nothing.</param>
/// <param name="Source">What has no place in the judgment.</param>
public sealed record ImportedLine(int Line, JudgmentLogLine Judgment, JudgmentSource Source)
{
    /// <summary>Who judged, and who wrote a text, where a file does not say.</summary>
    public const string Somebody = "imported";

    /// <summary>The line was read from a log: its ids hold the file together.</summary>
    public bool IsOfLog => Source.Log is not null;

    /// <summary>The same for the same prompt, completions and order.</summary>
    public UInt128 Content => ContentOf(PromptAsAsked, [.. Judgment.Responses.Select(response => response.Text)], Judgment.Verdict, Judgment.Ranking);

    public TextOrMessages PromptAsAsked => Judgment.Prompt.Messages is { } messages ? TextOrMessages.FromMessages(messages) : Judgment.Prompt.Text;

    /// <summary>The same for the same prompt.</summary>
    public static UInt128 PromptKey(string text, IReadOnlyList<ChatMessage>? messages) => Hash(JsonLines.Format(messages is null ? text : TextOrMessages.FromMessages(messages)));

    /// <summary>Whatever places the completions have: what is said of which text counts.</summary>
    internal static UInt128 ContentOf(TextOrMessages prompt, IReadOnlyList<string> texts, Verdict verdict, int[][]? ranking)
    {
        var tiers = (ranking ?? []).Select(tier => tier.Select(position => texts[position]).Order(StringComparer.Ordinal));
        return Hash($"{JsonLines.Format(prompt)} {JsonLines.Format(texts.Order(StringComparer.Ordinal))} {verdict} {JsonLines.Format(tiers)}");
    }

    internal static UInt128 Hash(string text)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes(text), hash);
        return System.Buffers.Binary.BinaryPrimitives.ReadUInt128BigEndian(hash);
    }

    /// <summary>A row of another format. What it does not say is left empty: it took no time and followed no guidelines.</summary>
    public static ImportedLine From(int line, DatasetRow row, DateTime now) => new(
        line,
        new()
        {
            Id = 0, Comparison = 0, Purpose = ComparisonPurpose.Train, Annotator = row.Annotator ?? Somebody, CreatedAt = row.At ?? now, Origin = JudgmentOrigin.Queue,
            Verdict = row.Ranking is not null ? Verdict.Ranked : row.Completions.Count == 2 ? Verdict.BothBad : Verdict.NotRankable,
            Ranking = row.Ranking?.ToArrays(),
            Strength = row.Margin is 1 or 2 or 3 ? (int)row.Margin : null,
            Comment = row.Comment, Reasons = [], SidesShown = [.. Enumerable.Range(0, row.Completions.Count)], Seconds = 0, GuidelinesVersion = 0,
            Prompt = new(0, row.Prompt.Text ?? Prompt.Rendered(row.Prompt.Messages!), PromptSplit.Train, row.Prompt.Messages),
            Responses = [.. row.Completions.Select((completion, position) => Response(row, completion, position, now))],
        },
        new()
        {
            Id = row.Id, Margin = row.Margin, Weight = row.Weight == 1 ? null : row.Weight, Split = row.Split,
            ReferenceLogps = row.Completions.Any(completion => completion.ReferenceLogp is not null) ? [.. row.Completions.Select(completion => completion.ReferenceLogp)] : null,
        });

    /// <summary>A line of a log.</summary>
    public static ImportedLine From(int line, JudgmentLogLine judgment)
    {
        ArgumentNullException.ThrowIfNull(judgment);
        return new(line, judgment, new()
        {
            Log = new(
                judgment.Id, judgment.Comparison, judgment.Prompt.Id, [.. judgment.Responses.Select(response => response.Id)], judgment.GivenWith, judgment.Supersedes, judgment.SupersededBy,
                judgment.Responses.Any(response => response.EditedFrom is not null) ? [.. judgment.Responses.Select(response => response.EditedFrom)] : null),
        });
    }

    private static LogResponse Response(DatasetRow row, PreferenceCompletion completion, int position, DateTime now)
    {
        var unknown = new StudySampling();
        return new()
        {
            Position = position, Id = 0, Text = completion.Text, TokenIds = completion.TokenIds?.ToArray(), PromptTokenIds = row.PromptTokenIds?.ToArray(),
            Policy = completion.Policy, Author = completion.Author is null ? null : Somebody,
            Temperature = unknown.Temperature, TopP = unknown.TopP, TopK = unknown.TopK, MaxTokens = unknown.MaxTokens, Seed = 0, FinishReason = "stop", CreatedAt = now,
        };
    }
}

using System.Text.Json;
using System.Text.Json.Serialization;

namespace Annotator.Model.Preferences;

public enum RoundStatus
{
    Succeeded,
    Failed,
    Cancelled,
}

/// <summary>What became of a round: its <c>result.json</c>, written in every case, also when the round fails.</summary>
public sealed record RoundResult
{
    public required RoundStatus Status { get; init; }

    /// <summary>One sentence for people: why it failed or was cancelled; null after success.</summary>
    public string? Reason { get; init; }

    /// <summary>Updates made, of <see cref="MaxSteps"/>.</summary>
    public int Steps { get; init; }

    public int MaxSteps { get; init; }

    /// <summary>What was trained on and measured on.</summary>
    public RoundCounts Used { get; init; } = new();

    /// <summary>What was left out: the reason in words, and how many.</summary>
    public IReadOnlyDictionary<string, int> Dropped { get; init; } = new Dictionary<string, int>();

    /// <summary>Completions trained on whose end was cut at max_length.</summary>
    public int CutCompletions { get; init; }

    /// <summary>What people should know before they trust the new policy, a sentence each.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];

    /// <summary>Responses whose reference log-probability was not known and had to be computed.</summary>
    public int ReferenceLogpsComputed { get; init; }

    /// <summary>The loss before the first update. With <c>sigmoid</c> and policy = reference it must be ln 2 = 0.6931.</summary>
    public double? Step0Loss { get; init; }

    /// <summary>
    /// What <see cref="Step0Loss"/> must be because the policy is the reference; null where it is not, or the loss knows no such value.
    /// </summary>
    public double? ExpectedStep0Loss { get; init; }

    /// <summary>The last line of metrics.jsonl.</summary>
    public RoundMetrics? FinalMetrics { get; init; }

    /// <summary>
    /// KL of the new policy to the reference, in nats, of whole responses up to 64 tokens: the mean of log π(y|x) − log πref(y|x)
    /// over fresh samples on prompts it was not trained on. Null if none were drawn.
    /// </summary>
    [JsonPropertyName("objective/kl")]
    public double? ObjectiveKl { get; init; }

    /// <summary>Its standard error.</summary>
    [JsonPropertyName("objective/kl_standard_error")]
    public double? ObjectiveKlStandardError { get; init; }

    /// <summary>Tokens of a fresh sample of the new policy, on average.</summary>
    public double? MeanLength { get; init; }

    /// <summary>…of the policy that the round began with, to the same prompts.</summary>
    public double? MeanLengthBefore { get; init; }

    /// <summary>SHA-256, hexadecimal: <c>options</c>, <c>preferences</c> (files); content hashes: <c>policy</c>, <c>reference</c>, <c>output</c>.</summary>
    public IReadOnlyDictionary<string, string> Hashes { get; init; } = new Dictionary<string, string>();

    public DateTime StartedAt { get; init; }

    /// <summary>Seconds from start to end, of this run of the process (a resumed round counts from its resumption).</summary>
    public double WallTimeSeconds { get; init; }

    /// <summary>annotator, dotnet, torchsharp, libtorch.</summary>
    public IReadOnlyDictionary<string, string> Versions { get; init; } = new Dictionary<string, string>();

    /// <summary>name, os, processors, threads, device.</summary>
    public IReadOnlyDictionary<string, string> Host { get; init; } = new Dictionary<string, string>();

    /// <exception cref="FormatException">The file is not a result.</exception>
    public static RoundResult Read(string path)
    {
        try
        {
            return JsonSerializer.Deserialize<RoundResult>(File.ReadAllText(path), JsonLines.Spelling)
                ?? throw new FormatException($"{path} holds null; it must be a JSON object.");
        }
        catch (JsonException refused)
        {
            throw new FormatException($"{path}: {JsonLines.Reason(refused)}", refused);
        }
    }

    /// <summary>Written beside and renamed: a reader sees the whole file or none.</summary>
    public void Write(string path)
    {
        File.WriteAllText(path + ".part", JsonSerializer.Serialize(this, JsonLines.IndentedSpelling) + "\n");
        File.Move(path + ".part", path, overwrite: true);
    }
}

/// <summary>Comparisons are lines of preferences.jsonl; pairs are the strict preferences in them.</summary>
public sealed record RoundCounts
{
    public int TrainComparisons { get; init; }

    public int TrainPairs { get; init; }

    public int EvalComparisons { get; init; }

    public int EvalPairs { get; init; }
}

using Annotator.Model.Preferences;

namespace Annotator.Tests.Fixtures;

/// <summary>A round directory in a temporary folder, for the tiny GPT-2 of the oracles (no tokenizer: token ids only).</summary>
public sealed class RoundFolder : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("annotator-round-");

    public RoundDirectory Files => new(_folder.FullName);

    /// <summary>One thread of the CPU, so that equal rounds make equal bytes.</summary>
    public static RoundOptions Options { get; } = RoundOptions.AppDefaults(Oracles.Find("models/gpt2"), Oracles.Find("models/gpt2")) with
    {
        BatchSize = 4,
        MaxSteps = 6,
        WarmupSteps = 2,
        LearningRate = 1e-4,
        CheckpointSteps = 2,
        Threads = 1,
        Device = TrainingDevice.Cpu,
    };

    /// <summary>Twelve comparisons to train on and four to measure on.</summary>
    public static IReadOnlyList<PreferenceLine> Preferences { get; } =
        [.. Enumerable.Range(0, 16).Select(index => Line($"c-{index}", [5 + index, 6, 7], [10, 11 + index, 12], [20 + index, 21]) with
        {
            Split = index < 12 ? PreferenceSplit.Train : PreferenceSplit.Eval,
        })];

    /// <summary>The first completion is preferred to the second.</summary>
    public static PreferenceLine Line(string id, int[] prompt, int[] chosen, int[] rejected) => new()
    {
        Id = id,
        Prompt = "…",
        PromptTokenIds = prompt,
        Completions = [new() { Text = "…", TokenIds = chosen }, new() { Text = "…", TokenIds = rejected }],
        Ranking = Ranking.Prefer(0, 1),
    };

    public static RoundFolder Create(RoundOptions? options = null, IEnumerable<PreferenceLine>? preferences = null)
    {
        var round = new RoundFolder();
        (options ?? Options).Write(round.Files.Options);
        JsonLines.Write(round.Files.Preferences, preferences ?? Preferences);
        return round;
    }

    public RoundResult Result => RoundResult.Read(Files.Result);

    public byte[] Weights => File.ReadAllBytes(Path.Combine(Files.Policy, "model.safetensors"));

    /// <summary>What must be equal in equal rounds: all but the speed.</summary>
    public IReadOnlyList<RoundMetrics> Metrics => [.. JsonLines.Read<RoundMetrics>(Files.Metrics).Select(line => line with { ExamplesPerSecond = null })];

    public void Dispose() => _folder.Delete(recursive: true);
}

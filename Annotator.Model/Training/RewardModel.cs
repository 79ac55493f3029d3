using System.Text.Json.Nodes;
using Annotator.Model.Checkpoints;
using Annotator.Model.LanguageModels;
using Annotator.Model.Tokenization;
using TorchSharp;
using static TorchSharp.torch;

namespace Annotator.Model.Training;

/// <summary>
/// r_φ(x, y) of eq. 2: a language model's trunk with a linear scalar head on the last token. On disk it is a Hugging
/// Face directory of a sequence classifier with one label (<c>GPT2ForSequenceClassification</c> and the like).
/// </summary>
/// <remarks>
/// Rewards mean something only as differences within a prompt. The paper normalises them to mean zero for each prompt;
/// training draws them there (<see cref="RewardOptions.CenterRewardsCoefficient"/>), and what is left of the mean over the
/// training prompts, each counted once, is subtracted by <see cref="Score"/>. It is kept as <c>reward_mean</c> in
/// config.json, which transformers passes over: what that computes is higher by this constant.
/// </remarks>
public sealed class RewardModel : IDisposable
{
    private const string MeanKey = "reward_mean";

    private readonly Policy _policy;

    private RewardModel(Policy policy) => (_policy, Mean) = (policy, policy.Config[MeanKey]?.GetValue<double>() ?? 0);

    /// <summary>Trunk and head; no logits.</summary>
    public LanguageModel Model => _policy.Model;

    /// <summary>Null where the directory has no tokenizer files.</summary>
    public TextTokenizer? Tokenizer => _policy.Tokenizer;

    /// <summary>Where it was read from.</summary>
    public string Directory => _policy.Directory;

    /// <summary>What <see cref="Score"/> subtracts.</summary>
    public double Mean { get; set; }

    /// <summary>A reward model to be trained: the trunk of a language model and a head of zeros, so that its first loss is ln 2.</summary>
    /// <exception cref="PolicyException">The policy can't be opened.</exception>
    public static RewardModel FromPolicy(string directory, Device? device = null) => new(PolicyDirectory.OpenWithScore(directory, device));

    /// <summary>Opens a reward model.</summary>
    /// <exception cref="PolicyException">It can't be opened, or is none.</exception>
    public static RewardModel Open(string directory, Device? device = null)
    {
        var config = PolicyDirectory.ReadConfig(directory);
        return IsClassifier(config)
            ? new(PolicyDirectory.OpenWithScore(directory, device))
            : throw new PolicyException($"The directory {directory} holds no reward model: its config.json names no …ForSequenceClassification among \"architectures\". Train one with the verb reward.");
    }

    /// <summary>Whether a config.json is that of a sequence classifier.</summary>
    public static bool IsClassifier(JsonObject config) =>
        config["architectures"] is JsonArray names && names.Any(name => name?.ToString().EndsWith("ForSequenceClassification", StringComparison.Ordinal) == true);

    /// <summary>The policy as <see cref="RoundData"/> reads preferences with: tokenizer, chat template, vocabulary.</summary>
    public Policy AsPolicy => _policy;

    /// <summary>r(x, y) less <see cref="Mean"/>, without gradients.</summary>
    /// <param name="sequences">Without a <see cref="TokenSequence.Problem"/>, in any number and order.</param>
    /// <param name="cancellation">Looked at between batches.</param>
    /// <returns>One a sequence, in their order.</returns>
    /// <exception cref="ArgumentException">A sequence can't be scored.</exception>
    public IReadOnlyList<double> Score(IReadOnlyList<TokenSequence> sequences, CancellationToken cancellation = default)
    {
        using var noGradients = no_grad();
        var scores = new double[sequences.Count];
        foreach (var batch in sequences.Index().OrderBy(sequence => sequence.Item.Length).Chunk(SequencesTogether))
        {
            cancellation.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            var values = ScalarHead.OfLastTokens(Model, [.. batch.Select(sequence => sequence.Item)]).cpu().to(ScalarType.Float64).data<double>().ToArray();
            foreach (var ((index, _), value) in batch.Zip(values))
                scores[index] = value - Mean;
        }

        return scores;
    }

    /// <summary>Saves it beside its tokenizer files.</summary>
    public void Save(string directory)
    {
        var config = _policy.Config.DeepClone().AsObject();
        var modelType = config["model_type"]!.ToString();
        config["architectures"] = new JsonArray(ClassNames[modelType] + "ForSequenceClassification");
        config["num_labels"] = 1;
        config["id2label"] = new JsonObject { ["0"] = "reward" };
        config["label2id"] = new JsonObject { ["reward"] = 0 };
        config["pad_token_id"] = PadTokenId();
        config[MeanKey] = Mean;
        PolicyDirectory.Save(
            new Policy { Directory = _policy.Directory, Config = config, Card = Card(modelType), Model = Model, Tokenizer = Tokenizer },
            directory);
    }

    public void Dispose() => _policy.Dispose();

    private const int SequencesTogether = 64;

    private static readonly Dictionary<string, string> ClassNames = new()
    {
        ["gpt2"] = "GPT2",
        ["gpt_neox"] = "GPTNeoX",
        ["gptj"] = "GPTJ",
        ["llama"] = "Llama",
        ["mistral"] = "Mistral",
        ["qwen2"] = "Qwen2",
    };

    /// <summary>
    /// transformers scores the last token that is not padding. Padding with the end token, as many do, would hide a real
    /// one from it, so: the configuration's own unless it ends texts, else the byte FF, which no UTF-8 text has. Null, if
    /// there is neither, makes transformers score one sequence at a time.
    /// </summary>
    private int? PadTokenId()
    {
        if (_policy.Config["pad_token_id"]?.GetValue<int>() is { } own && !_policy.EndIds.Contains(own))
            return own;
        return Tokenizer is null ? null : Enumerable.Range(0, Tokenizer.VocabularySize).Select(id => (int?)id).FirstOrDefault(id => Tokenizer.BytesOf(id!.Value) is [0xFF]);
    }

    private static string Card(string modelType) => $"""
        ---
        library_name: transformers
        pipeline_tag: text-classification
        ---
        # A reward model of {modelType} kind

        Trained with Annotator on human preferences by eq. 2 of Rafailov et al. (2023). It loads with
        `AutoModelForSequenceClassification.from_pretrained`; its one logit less `reward_mean` of config.json is the reward of a
        prompt with its response. Only differences between responses to the same prompt mean anything.

        """.ReplaceLineEndings("\n");
}

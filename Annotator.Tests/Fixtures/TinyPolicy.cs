using System.Text.Json.Nodes;
using Annotator.Model.Checkpoints;
using Annotator.Model.Tokenization;
using TorchSharp;
using static TorchSharp.torch;

namespace Annotator.Tests.Fixtures;

/// <summary>
/// Policies of GPT-2's shape small enough to make in a test. Their tokens are the 256 bytes and end-of-text, so a
/// text's ids are its UTF-8 bytes.
/// </summary>
public static class TinyPolicy
{
    public const int EndOfText = 256;
    public const int VocabularySize = 257;
    public const int ContextLength = 64;

    /// <summary>A logit so low that its token never comes (−∞ would make the embedding's sums NaN).</summary>
    public const float Never = -1000;

    /// <summary>Writes a policy with random weights, large enough for its distributions to be far from uniform.</summary>
    public static string WriteRandom(string directory, long seed = 1, int contextLength = ContextLength) =>
        Write(directory, seed, contextLength, model =>
        {
            foreach (var (name, parameter) in model)
            {
                if (name.EndsWith("weight", StringComparison.Ordinal) && parameter.dim() == 2)
                    parameter.mul_(8);
            }
        });

    /// <summary>
    /// Writes a policy that ignores its context: every token has the same logits. The final norm puts out its bias,
    /// which is 1 in the first place and 0 elsewhere, so the logits are the first column of the embedding.
    /// </summary>
    public static string WriteUnigram(string directory, Func<int, float> logitOf) =>
        Write(directory, 1, ContextLength, Unigram(logitOf, VocabularySize));

    /// <summary>
    /// Writes a policy that says a's and b's and never ends, with a context of 4,096 tokens: a request that must still be at work
    /// when something else happens. One with random weights says its end token once in some hundred tokens.
    /// </summary>
    public static string WriteEndless(string directory) => Write(directory, 1, 4096, Unigram(id => id is 'a' or 'b' ? 1 : Never, VocabularySize));

    /// <summary>Of <see cref="WriteChatml"/>: begins a turn.</summary>
    public const int TurnBegins = 257;

    /// <summary>Of <see cref="WriteChatml"/>: ends a turn.</summary>
    public const int TurnEnds = 258;

    /// <summary>Writes a policy as <see cref="WriteUnigram"/> does whose tokenizer.json has chatml's two tokens more.</summary>
    public static string WriteChatml(string directory, Func<int, float> logitOf)
    {
        string[] special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"];
        Write(directory, 1, ContextLength, Unigram(logitOf, VocabularySize + 2), VocabularySize + 2);
        File.Delete(Path.Combine(directory, "vocab.json"));
        File.Delete(Path.Combine(directory, "merges.txt"));
        var bytes = new JsonObject(Enumerable.Range(0, 256).Select(b => KeyValuePair.Create(ByteLevel.Character((byte)b).ToString(), (JsonNode?)b)));
        File.WriteAllText(Path.Combine(directory, "tokenizer.json"), new JsonObject
        {
            ["added_tokens"] = new JsonArray([.. special.Select((token, i) => new JsonObject { ["id"] = EndOfText + i, ["content"] = token, ["special"] = true })]),
            ["pre_tokenizer"] = new JsonObject { ["type"] = "ByteLevel", ["add_prefix_space"] = false, ["use_regex"] = true },
            ["decoder"] = new JsonObject { ["type"] = "ByteLevel" },
            ["model"] = new JsonObject { ["type"] = "BPE", ["vocab"] = bytes, ["merges"] = new JsonArray() },
        }.ToJsonString());
        return directory;
    }

    private static string Write(string directory, long seed, int contextLength, Action<IReadOnlyDictionary<string, Tensor>> change, int vocabularySize = VocabularySize)
    {
        Directory.CreateDirectory(directory);
        var config = Path.Combine(directory, PolicyDirectory.ConfigFile);
        File.WriteAllText(config, $$"""
            {"model_type":"gpt2","vocab_size":{{vocabularySize}},"n_positions":{{contextLength}},"n_embd":16,"n_layer":2,"n_head":2,"bos_token_id":256,"eos_token_id":256}
            """);
        var tokens = Enumerable.Range(0, 256).Select(b => $"{Quoted(ByteLevel.Character((byte)b))}:{b}").Append($"\"<|endoftext|>\":{EndOfText}");
        File.WriteAllText(Path.Combine(directory, "vocab.json"), $"{{{string.Join(',', tokens)}}}");
        File.WriteAllText(Path.Combine(directory, "merges.txt"), "#version: 0.2\n");

        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var policy = PolicyDirectory.Initialise(config, directory, seed);
        change(policy.Model.Parameters);
        PolicyDirectory.Save(policy, directory);
        return directory;

        static string Quoted(char character) => System.Text.Json.JsonSerializer.Serialize(character.ToString());
    }

    private static Action<IReadOnlyDictionary<string, Tensor>> Unigram(Func<int, float> logitOf, int vocabularySize) => model =>
    {
        model["transformer.ln_f.weight"].zero_();
        model["transformer.ln_f.bias"].zero_()[0] = 1;
        model["transformer.wte.weight"].select(1, 0).copy_(tensor(Enumerable.Range(0, vocabularySize).Select(logitOf).ToArray()));
    };
}

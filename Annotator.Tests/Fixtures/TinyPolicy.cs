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
        Write(directory, 1, ContextLength, model =>
        {
            model["transformer.ln_f.weight"].zero_();
            model["transformer.ln_f.bias"].zero_()[0] = 1;
            model["transformer.wte.weight"].select(1, 0).copy_(tensor(Enumerable.Range(0, VocabularySize).Select(logitOf).ToArray()));
        });

    private static string Write(string directory, long seed, int contextLength, Action<IReadOnlyDictionary<string, Tensor>> change)
    {
        Directory.CreateDirectory(directory);
        var config = Path.Combine(directory, PolicyDirectory.ConfigFile);
        File.WriteAllText(config, $$"""
            {"model_type":"gpt2","vocab_size":{{VocabularySize}},"n_positions":{{contextLength}},"n_embd":16,"n_layer":2,"n_head":2,"bos_token_id":256,"eos_token_id":256}
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
}

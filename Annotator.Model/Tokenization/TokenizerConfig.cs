using System.Text.Json;
using Annotator.Model.Checkpoints;

namespace Annotator.Model.Tokenization;

/// <summary>What tokenizer_config.json (or, for the tokens, special_tokens_map.json) beside a tokenizer's files says.</summary>
/// <param name="EndOfText">Ends a text: <c>eos_token</c>.</param>
/// <param name="BeginOfText">Begins a text: <c>bos_token</c>.</param>
/// <param name="AddsBeginOfText"><c>add_bos_token</c>; null where it is not said, so that the tokenizer's own files decide.</param>
/// <param name="TokenizerClass"><c>tokenizer_class</c>.</param>
internal sealed record TokenizerConfig(string? EndOfText = null, string? BeginOfText = null, bool? AddsBeginOfText = null, string? TokenizerClass = null)
{
    private const string DefaultEndOfText = "<|endoftext|>";

    /// <summary>For files that nothing is said about.</summary>
    public static TokenizerConfig Default { get; } = new(DefaultEndOfText);

    /// <summary>Reads what a directory has; without the files, GPT-2's end of text is assumed.</summary>
    /// <exception cref="PolicyException">A file can't be used.</exception>
    public static TokenizerConfig Read(string directory)
    {
        var config = ReadFile(Path.Combine(directory, "tokenizer_config.json"), json => new TokenizerConfig(
            Token(json, "eos_token"),
            Token(json, "bos_token"),
            json.Field("add_bos_token") is null ? null : json.Flag("add_bos_token"),
            json.Text("tokenizer_class")));
        if (config?.EndOfText is null)
        {
            var map = ReadFile(Path.Combine(directory, "special_tokens_map.json"), json => new TokenizerConfig(Token(json, "eos_token"), Token(json, "bos_token")));
            config = (config ?? Default) with { EndOfText = map?.EndOfText ?? DefaultEndOfText, BeginOfText = config?.BeginOfText ?? map?.BeginOfText };
        }

        return config;
    }

    /// <summary>Reads a JSON file of a policy directory; null where there is none.</summary>
    /// <exception cref="PolicyException">It can't be used.</exception>
    internal static T? ReadFile<T>(string file, Func<JsonElement, T?> read)
        where T : class
    {
        if (!File.Exists(file))
        {
            return null;
        }

        try
        {
            using var json = JsonDocument.Parse(File.ReadAllBytes(file));
            return read(json.RootElement);
        }
        catch (Exception e) when (e is JsonException or FormatException or InvalidOperationException or IOException or UnauthorizedAccessException)
        {
            throw new PolicyException($"{file} can't be used: {e.Message.TrimEnd('.')}.", e);
        }
    }

    /// <summary>A token is its spelling, or an object that holds it.</summary>
    private static string? Token(JsonElement json, string name) => json.Field(name) switch
    {
        null => null,
        { ValueKind: JsonValueKind.Object } token => token.Text("content"),
        { } token => token.AsText(name),
    };
}

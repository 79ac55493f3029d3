using System.Text.Json.Nodes;
using Annotator.Model.LanguageModels;
using Annotator.Model.Tokenization;

namespace Annotator.Model.Checkpoints;

/// <summary>A policy that has been opened: the model with its configuration and, where the directory has one, its tokenizer.</summary>
public sealed class Policy : IDisposable
{
    private Lazy<ChatTemplate?>? _chatTemplate;  // the file is read once, if it is asked for

    /// <summary>Where it was read from; the source of the files that a save copies.</summary>
    public required string Directory { get; init; }

    /// <summary>config.json.</summary>
    public required JsonObject Config { get; init; }

    /// <summary>Its model card, README.md; null if it has none or was made from scratch.</summary>
    public string? Card { get; init; }

    /// <summary>The model; disposed with the policy.</summary>
    public required LanguageModel Model { get; init; }

    /// <summary>Null where the directory has no tokenizer files: then only token ids go in and out.</summary>
    public TextTokenizer? Tokenizer { get; init; }

    /// <summary>The id that ends a text: the tokenizer's, else config.json's <c>eos_token_id</c>; null if neither says.</summary>
    public int? EndOfTextId => Tokenizer?.EndOfTextId ?? Config["eos_token_id"] switch
    {
        JsonArray { Count: > 0 } several => several[0]?.GetValue<int>(),
        JsonValue one => one.GetValue<int>(),
        _ => null,
    };

    /// <summary>All ids that end a response: <see cref="EndOfTextId"/> and those of config.json's <c>eos_token_id</c>, which can be several (text and turn).</summary>
    public IReadOnlyList<int> EndIds { get => field ??= [.. EndOfTexts().Distinct()]; }

    /// <summary>How a chat becomes a prompt, as the directory has it; null where it says nothing that is known here.</summary>
    /// <exception cref="PolicyException">The file that says it can't be read.</exception>
    public ChatTemplate? ChatTemplate => (_chatTemplate ??= new(() => ChatTemplate.Of(Directory))).Value;

    /// <summary>The tokenizer, where text has to be read or written.</summary>
    /// <exception cref="PolicyException">There is none.</exception>
    public TextTokenizer RequireTokenizer() => Tokenizer
        ?? throw new PolicyException($"The policy {Directory} has no tokenizer files (tokenizer.json, or vocab.json and merges.txt), so it can take token ids but no text.");

    public void Dispose() => Model.Dispose();

    private IEnumerable<int> EndOfTexts()
    {
        if (EndOfTextId is { } first)
            yield return first;
        foreach (var id in Config["eos_token_id"] as JsonArray ?? [])
        {
            if (id is not null)
                yield return id.GetValue<int>();
        }
    }
}

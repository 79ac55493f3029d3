using System.Text;
using System.Text.Json;
using Annotator.Model.Checkpoints;

namespace Annotator.Model.Tokenization;

/// <summary>
/// The tokenizer of a policy: byte pair encoding as a tokenizer.json describes it, or GPT-2's (Radford et al. 2019,
/// section 2.2) from vocab.json and merges.txt. Text is text: a special token's spelling inside it is encoded as the
/// characters it is made of. Safe to use from several threads.
/// </summary>
public sealed class TextTokenizer
{
    /// <summary>The file that says all of a tokenizer.</summary>
    public const string JsonFile = "tokenizer.json";

    private const string VocabularyFile = "vocab.json";
    private const string MergesFile = "merges.txt";

    private readonly byte[]?[] _bytes;                                                            // by id; null for special tokens
    private readonly Dictionary<string, AddedToken> _added;
    private readonly AddedTokenFinder _inText;
    private readonly AddedTokenFinder _inNormalisedText;
    private readonly Normaliser _normaliser;
    private readonly PreTokenizer _preTokenizer;
    private readonly BytePairMerger _merger;
    private readonly bool _dropsFirstSpace;

    private TextTokenizer(TokenizerParts parts)
    {
        (_normaliser, _preTokenizer, _dropsFirstSpace) = (parts.Normaliser, parts.PreTokenizer, parts.Spelling.DropsFirstSpace);
        _merger = new BytePairMerger(parts.Model);
        _added = parts.Added.ToDictionary(token => token.Content, StringComparer.Ordinal);

        _bytes = new byte[parts.Model.Vocabulary.Values.Concat(parts.Added.Select(token => token.Id)).Max() + 1][];
        foreach (var (token, id) in parts.Model.Vocabulary)
        {
            _bytes[id] = parts.Spelling.BytesOf(token);
        }

        foreach (var token in parts.Added)
        {
            _bytes[token.Id] = token.IsSpecial ? null : Encoding.UTF8.GetBytes(token.Content);
        }

        var plain = parts.Added.Where(token => !token.IsSpecial).ToList();
        _inText = new(plain.Where(token => !token.IsNormalised).Select(token => (token.Content, token)));
        _inNormalisedText = new(plain.Where(token => token.IsNormalised).Select(token => (_normaliser(token.Content, TextPlace.Start), token)));

        EndOfTextId = parts.EndOfText is { } end ? AddedTokenId(end) ?? IdOf(parts.Model, end) : null;
        EndOfText = EndOfTextId is null ? null : parts.EndOfText;
        BeginIds = [.. parts.BeginTokens.Select(token => AddedTokenId(token) ?? IdOf(parts.Model, token)
            ?? throw new FormatException($"its vocabulary lacks the token \"{token}\", which begins a prompt"))];

        static int? IdOf(BytePairModel model, string token) => model.Vocabulary.TryGetValue(token, out var id) ? id : null;
    }

    /// <summary>One more than the largest id.</summary>
    public int VocabularySize => _bytes.Length;

    /// <summary>The id that ends a text; null if the vocabulary has none.</summary>
    public int? EndOfTextId { get; }

    /// <summary>How the token <see cref="EndOfTextId"/> is spelt.</summary>
    public string? EndOfText { get; }

    /// <summary>
    /// The tokens that a prompt of text begins with, such as Llama's &lt;s&gt;, as the checkpoint itself has it:
    /// <c>add_bos_token</c> of its tokenizer_config.json, else the template of its tokenizer.json. None for GPT-2.
    /// </summary>
    public IReadOnlyList<int> BeginIds { get; }

    /// <summary>Whether a directory has the files of a tokenizer.</summary>
    public static bool IsIn(string directory) =>
        File.Exists(Path.Combine(directory, JsonFile))
        || (File.Exists(Path.Combine(directory, VocabularyFile)) && File.Exists(Path.Combine(directory, MergesFile)));

    /// <summary>
    /// Opens the tokenizer in a policy directory; null where there is none. A tokenizer.json is read where there is one,
    /// also beside vocab.json and merges.txt: these hold the same vocabulary, but not how text is split, nor the added tokens.
    /// </summary>
    /// <exception cref="PolicyException">Its files can't be used.</exception>
    public static TextTokenizer? Open(string directory)
    {
        if (!IsIn(directory))
        {
            return null;
        }

        var config = TokenizerConfig.Read(directory);
        var file = Path.Combine(directory, JsonFile);
        return File.Exists(file)
            ? Guarded(file, () => new(TokenizerJson.Read(File.ReadAllBytes(file), config)))
            : Read(Path.Combine(directory, VocabularyFile), Path.Combine(directory, MergesFile), config);
    }

    /// <summary>Reads GPT-2's tokenizer: a vocabulary (JSON, token → id) and merges (a line each, best first).</summary>
    /// <exception cref="PolicyException">The files can't be used.</exception>
    public static TextTokenizer Read(string vocabularyFile, string mergesFile) => Read(vocabularyFile, mergesFile, TokenizerConfig.Default);

    /// <summary>Whether every id means the same in both: then what one has tokenised, a model of the other can be trained on.</summary>
    public bool HasTokensOf(TextTokenizer other) =>
        EndOfTextId == other.EndOfTextId && _bytes.Length == other._bytes.Length
        && _bytes.Zip(other._bytes).All(pair => pair.First.AsSpan().SequenceEqual(pair.Second));

    /// <summary>The id of an added token, such as a special one, by its spelling; null if there is none.</summary>
    public int? AddedTokenId(string token) => _added.TryGetValue(token, out var added) ? added.Id : null;

    /// <summary>The ids of a text; no special token is added.</summary>
    /// <exception cref="PolicyException">The tokenizer's own regular expression takes too long on this text.</exception>
    public List<int> Encode(ReadOnlySpan<char> text) => Encode(text, TextPlace.Start);

    /// <summary>The ids of a text that is a whole prompt: <see cref="BeginIds"/>, then the text's.</summary>
    /// <inheritdoc cref="Encode(ReadOnlySpan{char})" path="/exception" />
    public List<int> EncodePrompt(ReadOnlySpan<char> text) => [.. BeginIds, .. Encode(text)];

    /// <summary>The ids of a text that goes on after another, such as a response after its prompt: no space is put before it.</summary>
    /// <inheritdoc cref="Encode(ReadOnlySpan{char})" path="/exception" />
    public List<int> EncodeContinuation(ReadOnlySpan<char> text) => Encode(text, TextPlace.AfterText);

    /// <summary>The ids of text with special tokens in it, and which of them are to be learned. Texts side by side are encoded as one, up to a target.</summary>
    /// <exception cref="PolicyException">The vocabulary lacks a special token.</exception>
    public List<(int Id, bool IsTarget)> Encode(IReadOnlyList<TextPart> parts)
    {
        List<(int, bool)> ids = [];
        var place = TextPlace.Start;
        for (var at = 0; at < parts.Count;)
        {
            var part = parts[at++];
            if (part.IsSpecial)
            {
                ids.Add((Added(part).Id, part.IsTarget));
                place = TextPlace.AfterToken;
                continue;
            }

            var after = at >= 2 && parts[at - 2].IsSpecial ? Added(parts[at - 2]) : null;
            var text = part.Text;
            while (at < parts.Count && !parts[at].IsSpecial && parts[at].IsTarget == part.IsTarget)
            {
                text += parts[at++].Text;
            }

            // Special tokens may take the white space beside them.
            text = after?.StripsRight == true ? text.TrimStart() : text;
            text = at < parts.Count && parts[at].IsSpecial && Added(parts[at]).StripsLeft ? text.TrimEnd() : text;
            ids.AddRange(Encode(text, place).Select(id => (id, part.IsTarget)));
            place = text.Length > 0 ? TextPlace.AfterText : place;
        }

        return ids;
    }

    /// <summary>The whole text of ids; special tokens are left out, and bytes that are not UTF-8 become U+FFFD.</summary>
    /// <exception cref="ArgumentOutOfRangeException">An id that the vocabulary doesn't have.</exception>
    public string Decode(IEnumerable<int> ids)
    {
        var text = DecodeContinuation(ids);
        return _dropsFirstSpace && text.StartsWith(' ') ? text[1..] : text;
    }

    /// <summary>The text of ids that follow a prompt: unlike <see cref="Decode"/>, keeps a space at their start that parts it from the prompt.</summary>
    /// <exception cref="ArgumentOutOfRangeException">An id that the vocabulary doesn't have.</exception>
    public string DecodeContinuation(IEnumerable<int> ids)
    {
        var bytes = new List<byte>();
        foreach (var id in ids)
        {
            bytes.AddRange(BytesOf(id));
        }

        return Encoding.UTF8.GetString([.. bytes]);
    }

    /// <summary>The bytes of one token; none for a special token.</summary>
    /// <exception cref="ArgumentOutOfRangeException">An id that the vocabulary doesn't have.</exception>
    public ReadOnlySpan<byte> BytesOf(int id)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(id);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(id, _bytes.Length);
        return _bytes[id];
    }

    /// <summary>How a token reads by itself: its text, with U+FFFD for what is not UTF-8; a special token as it is spelt.</summary>
    /// <exception cref="ArgumentOutOfRangeException">An id that the vocabulary doesn't have.</exception>
    public string SpellingOf(int id) =>
        BytesOf(id).Length > 0 ? DecodeContinuation([id])
        : id == EndOfTextId ? EndOfText!
        : _added.Values.FirstOrDefault(token => token.Id == id)?.Content ?? "";

    private static TextTokenizer Read(string vocabularyFile, string mergesFile, TokenizerConfig config) =>
        Guarded(vocabularyFile, () => new(Gpt2Files.Read(vocabularyFile, mergesFile, config)));

    private static TextTokenizer Guarded(string file, Func<TextTokenizer> read)
    {
        try
        {
            return read();
        }
        catch (Exception e) when (e is JsonException or FormatException or InvalidOperationException or IOException or UnauthorizedAccessException)
        {
            throw new PolicyException($"The tokenizer {file} can't be used: {e.Message.TrimEnd('.')}.", e);
        }
    }

    private List<int> Encode(ReadOnlySpan<char> text, TextPlace place)
    {
        List<int> ids = new(text.Length / 3);
        foreach (var (raw, token) in _inText.Split(Valid(text)))
        {
            if (token is not null)
            {
                ids.Add(token.Id);
            }
            else
            {
                EncodeNormalised(_normaliser(raw!, place), place, ids);
            }

            place = TextPlace.AfterToken;
        }

        return ids;
    }

    private void EncodeNormalised(string text, TextPlace place, List<int> ids)
    {
        foreach (var (piece, token) in _inNormalisedText.Split(text))
        {
            if (token is not null)
            {
                ids.Add(token.Id);
            }
            else
            {
                foreach (var word in _preTokenizer.Split(piece.AsMemory(), place))
                {
                    _merger.Encode(word.Span, ids);
                }
            }

            place = TextPlace.AfterToken;
        }
    }

    /// <summary>Halves of surrogate pairs are no characters: U+FFFD stands for them, as it does in UTF-8.</summary>
    private static string Valid(ReadOnlySpan<char> text) => text.ContainsAnyInRange('\uD800', '\uDFFF')
        ? Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text.ToArray()))
        : text.ToString();

    private AddedToken Added(TextPart part) => _added.GetValueOrDefault(part.Text)
        ?? throw new PolicyException($"The tokenizer has no token \"{part.Text}\", which the chat template needs.");
}

using System.Text.Json;

namespace Annotator.Model.Tokenization;

/// <summary>
/// Reads a tokenizer.json of BPE kind: the file of the Rust crate <c>tokenizers</c>, its parts in the order in which they
/// work: added tokens, normalizer, pre_tokenizer, model, post_processor, decoder. What it asks for and is not known here
/// is refused by name, rather than passed over.
/// </summary>
internal static class TokenizerJson
{
    // Llama 3's has 128,256 tokens; this leaves room for any, and none for an array as large as a wrong id.
    private const int MostIdsPerToken = 16;

    /// <summary>Reads the file.</summary>
    /// <exception cref="FormatException">It holds what is wrong or not known here.</exception>
    /// <exception cref="JsonException">It is not JSON.</exception>
    public static TokenizerParts Read(ReadOnlyMemory<byte> utf8, TokenizerConfig config)
    {
        using var document = JsonDocument.Parse(utf8);
        var file = document.RootElement;
        var added = AddedToken.ReadAll(file);
        var normaliser = Normalisation.Read(file.Field("normalizer"));
        var preTokenizer = PreTokenization.Read(file.Field("pre_tokenizer"));
        var model = ReadModel(file.Required("model"), added, preTokenizer.IsByteLevel);
        if (ShortensWords(file, model) is { } mark)
        {
            preTokenizer = preTokenizer with { Steps = [.. preTokenizer.Steps, PreTokenization.Before(mark)] };
        }

        return new TokenizerParts
        {
            Model = model,
            Added = added,
            Normaliser = normaliser,
            PreTokenizer = preTokenizer,
            Spelling = TokenSpelling.Read(file.Field("decoder")),
            BeginTokens = BeginTokens(file.Field("post_processor"), config),
            EndOfText = config.EndOfText,
        };
    }

    private static BytePairModel ReadModel(JsonElement json, IReadOnlyList<AddedToken> added, bool isByteLevel)
    {
        // Older files name no type; only BPE has merges.
        var type = json.Text("type") ?? (json.Field("merges") is null ? "(none)" : "BPE");
        if (type != "BPE")
        {
            throw new FormatException($"its model is of the kind \"{type}\", and only BPE is known here");
        }

        foreach (var affix in new[] { "continuing_subword_prefix", "end_of_word_suffix" })
        {
            if (!string.IsNullOrEmpty(json.Text(affix)))
            {
                throw new FormatException($"its model's \"{affix}\" is not known here");
            }
        }

        if (json.Field("dropout") is { } dropout && !(dropout.ValueKind == JsonValueKind.Number && dropout.TryGetDouble(out var rate) && rate == 0))
        {
            throw new FormatException("its model's \"dropout\" makes ids random, which is not known here");
        }

        var vocabulary = ReadVocabulary(json.Required("vocab"));
        CheckIds(vocabulary.Values.Concat(added.Select(token => token.Id)).ToList());
        foreach (var token in added)
        {
            if (vocabulary.TryGetValue(token.Content, out var id) && id != token.Id)
            {
                throw new FormatException($"the added token \"{token.Content}\" has the id {token.Id}, and {id} in the vocabulary");
            }
        }

        var merges = json.Items("merges").Select(ReadMerge).ToList();

        // Text is text: no merge of characters may come out as a special token.
        var unknown = json.Text("unk_token");
        var special = added.Where(token => token.IsSpecial && token.Content != unknown).Select(token => token.Content).Where(vocabulary.Remove).ToHashSet();
        if (unknown is not null && !vocabulary.ContainsKey(unknown))
        {
            throw new FormatException($"its model's unk_token \"{unknown}\" is not in the vocabulary");
        }

        if (vocabulary.Count == 0)
        {
            throw new FormatException("its vocabulary is empty");
        }

        return new BytePairModel
        {
            Vocabulary = vocabulary,
            Merges = special.Count == 0 ? merges : merges.FindAll(merge => !special.Contains(merge.Left) && !special.Contains(merge.Right) && !special.Contains(merge.Left + merge.Right)),
            IsByteLevel = isByteLevel,
            IgnoresMerges = json.Flag("ignore_merges"),
            FallsBackToBytes = json.Flag("byte_fallback"),
            Unknown = unknown,
            FusesUnknown = json.Flag("fuse_unk"),
        };
    }

    private static Dictionary<string, int> ReadVocabulary(JsonElement json)
    {
        if (json.ValueKind != JsonValueKind.Object)
        {
            throw new FormatException("its vocabulary is not an object of tokens with their ids");
        }

        var vocabulary = new Dictionary<string, int>(StringComparer.Ordinal);
        var ids = new HashSet<int>();
        foreach (var entry in json.EnumerateObject())
        {
            var id = entry.Value.AsNumber(entry.Name);
            if (!vocabulary.TryAdd(entry.Name, id))
            {
                throw new FormatException($"the token \"{entry.Name}\" comes twice in its vocabulary");
            }

            if (!ids.Add(id))
            {
                throw new FormatException($"two tokens of its vocabulary have the id {id}, one of them \"{entry.Name}\"");
            }
        }

        return vocabulary;
    }

    private static (string Left, string Right) ReadMerge(JsonElement json)
    {
        string[] parts = json.ValueKind == JsonValueKind.Array
            ? [.. json.EnumerateArray().Take(3).Select(part => part.AsText("merges"))]
            : json.AsText("merges").Split(' ', 4);
        return parts.Length == 2 ? (parts[0], parts[1]) : throw new FormatException($"\"{string.Join(' ', parts)}\" is not a merge of two tokens");
    }

    /// <exception cref="FormatException">An id is negative, or so large that an array by id would be mostly empty.</exception>
    internal static void CheckIds(IReadOnlyCollection<int> ids)
    {
        if (ids.Count == 0)
        {
            throw new FormatException("its vocabulary is empty");
        }

        var (least, most) = (ids.Min(), ids.Max());
        if (least < 0 || most / MostIdsPerToken > ids.Count)
        {
            throw new FormatException($"its vocabulary of {ids.Count} tokens has the id {(least < 0 ? least : most)}");
        }
    }

    /// <summary>
    /// Where nothing is split (as in Llama 2's file) and words are marked by a character that no token has behind
    /// another, words can be merged apart: the mark; else null.
    /// </summary>
    private static char? ShortensWords(JsonElement file, BytePairModel model)
    {
        const char Mark = '▁';
        var splitsNothing = file.Field("pre_tokenizer") is not { } pre || (pre.Text("type") == "Metaspace" && !pre.Flag("split", otherwise: true));
        return splitsNothing && !model.IgnoresMerges && model.Vocabulary.ContainsKey(Mark.ToString())
            && !model.Merges.Any(merge => HasMarkBehindAnother(merge.Left + merge.Right))
            ? Mark
            : null;

        static bool HasMarkBehindAnother(string token) => token.AsSpan().TrimStart(Mark).Contains(Mark);
    }

    /// <summary>
    /// The tokens that are put before a prompt: those before the text in the post-processor's template, unless
    /// tokenizer_config.json says by <c>add_bos_token</c> whether there is one. What stands after the text, such as an end
    /// token, is no beginning of a response and left out.
    /// </summary>
    private static List<string> BeginTokens(JsonElement? postProcessor, TokenizerConfig config)
    {
        List<string> tokens = [];
        foreach (var part in postProcessor is { } json ? Parts(json) : [])
        {
            switch (part.Required("type").AsText("type"))
            {
                case "ByteLevel":                                                                 // moves offsets only
                    break;
                case "TemplateProcessing":
                    tokens.AddRange(part.Items("single").TakeWhile(item => item.Field("Sequence") is null)
                        .Select(item => item.Required("SpecialToken").Required("id").AsText("id")));
                    break;
                case var type:
                    throw new FormatException($"its post-processor \"{type}\" is not known here");
            }
        }

        return (config.AddsBeginOfText, config.BeginOfText) switch
        {
            (false, { } begin) => tokens.FindAll(token => token != begin),
            (true, { } begin) when !tokens.Contains(begin) => [begin, .. tokens],
            _ => tokens,
        };
    }

    private static IEnumerable<JsonElement> Parts(JsonElement part) =>
        part.Text("type") == "Sequence" ? part.Items("processors").SelectMany(Parts) : [part];
}

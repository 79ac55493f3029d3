using System.Text;
using System.Text.Json.Nodes;
using Annotator.Model.Checkpoints;
using Annotator.Model.Tokenization;
using Annotator.Tests.Fixtures;
using CsCheck;

namespace Annotator.Tests.Model.Tokenization;

/// <summary>What holds for every text, and for every file however broken.</summary>
public sealed class TokenizerPropertyTests
{
    private static readonly TextTokenizer Gpt2 = TextTokenizer.Read(
        Oracles.Find("gpt2-tokenizer/encoder.json"), Oracles.Find("gpt2-tokenizer/vocab.bpe"));

    private static readonly TextTokenizer Stories = TokenizerFile.Stories().Open();

    /// <summary>Byte-level, with all that may stand between a text and its merges.</summary>
    private static readonly TextTokenizer Qwen2 = Composed("""{"type":"NFC"}""", Llama3Words.Pattern(singleDigits: true));

    private static readonly TextTokenizer Llama3 = Composed("null", Llama3Words.Pattern(singleDigits: false));

    // Letters of all kinds and lengths, marks that combine, controls, characters outside the basic plane, and runs of the same.
    private static readonly Gen<string> Texts = Gen.OneOf(
            Gen.Char[' ', '~'].Select(c => c.ToString()),
            Gen.OneOf(" ", "  ", "\n", "\r\n", "\t", "'s", "'LL", "12345", "the", " the", "<s>", "▁", "ab", "aab"),
            Gen.Int[0, 0x10FFFF].Where(Rune.IsValid).Select(value => new Rune(value).ToString()),
            Gen.OneOf("é", "e\u0301", "İ", "ſ", "日本", "🙂", "👩‍👩‍👧", "𝒜", "𠀀", "\0", "\u0085", "\u2028", "\uFEFF", "\uFFFF", "ﬁ", "²"))
        .Array[0, 24].Select(string.Concat);

    [Fact]
    public void Every_text_comes_back_from_its_ids_where_tokens_are_bytes() =>
        Texts.Sample(text =>
        {
            Gpt2.Decode(Gpt2.Encode(text)).ShouldBe(text);
            Llama3.Decode(Llama3.Encode(text)).ShouldBe(text);
            Qwen2.Decode(Qwen2.Encode(text)).ShouldBe(text.Normalize(NormalizationForm.FormC));
        }, iter: 2_000);

    [Fact]
    public void Every_text_comes_back_from_its_ids_where_unknown_characters_fall_back_to_bytes() =>
        // The mark of a space spelt in a text is a space ever after: that much is lost in such files.
        Texts.Select(text => text.Replace('▁', '_')).Sample(text =>
        {
            Stories.Decode(Stories.Encode(text)).ShouldBe(text);
            Stories.DecodeContinuation(Stories.EncodeContinuation(text)).ShouldBe(text);
        }, iter: 2_000);

    [Fact]
    public void A_text_is_encoded_as_one_wherever_it_is_cut_into_parts() =>
        Gen.Select(Texts, Texts).Sample((first, second) =>
            Stories.Encode([new TextPart(first), new TextPart(second)]).Select(token => token.Id).ShouldBe(Stories.Encode(first + second)), iter: 500);

    [Fact]
    public void Streamed_pieces_are_whole_characters_and_together_the_text_of_the_ids()
    {
        foreach (var tokenizer in new[] { Gpt2, Stories, Llama3 })
        {
            // Ids of texts, and ids at random, whose bytes are often no UTF-8.
            var ids = Gen.OneOf(
                Texts.Select(text => tokenizer.Encode(text).ToArray()),
                Gen.Int[0, tokenizer.VocabularySize - 1].Array[0, 20]);
            ids.Sample(all =>
            {
                var decoder = new StreamingDecoder(tokenizer);
                var pieces = all.Select(decoder.Append).ToList();
                pieces.Add(decoder.Flush());

                string.Concat(pieces).ShouldBe(tokenizer.DecodeContinuation(all));
                pieces.TrueForAll(IsWhole).ShouldBeTrue();
            }, iter: 1_000);
        }
    }

    [Fact]
    public void While_a_text_is_streamed_what_is_shown_is_always_its_beginning() =>
        Texts.Select(text => text.Replace('▁', '_')).Sample(text =>
        {
            foreach (var tokenizer in new[] { Gpt2, Stories })
            {
                var decoder = new StreamingDecoder(tokenizer);
                var shown = "";
                foreach (var id in tokenizer.EncodeContinuation(text))
                    text.StartsWith(shown += decoder.Append(id), StringComparison.Ordinal).ShouldBeTrue();
                (shown + decoder.Flush()).ShouldBe(text);
            }
        }, iter: 1_000);

    [Fact]
    public void Halves_of_surrogate_pairs_in_a_text_become_U_FFFD()
    {
        Gpt2.Decode(Gpt2.Encode("a\uD83Db")).ShouldBe("a\uFFFDb");
        Qwen2.Decode(Qwen2.Encode("\uDE42")).ShouldBe("\uFFFD");
        Stories.Decode(Stories.Encode("\uD83D\uD83D\uDE42")).ShouldBe("\uFFFD🙂");
    }

    [Fact]
    public void Merges_are_those_of_the_plain_algorithm()
    {
        var words = Gen.OneOf('a', 'b', 'c', 'é', ' ').Array[1, 40].Select(letters => new string(letters));
        var merges = Gen.Select(Gen.Int[0, 30], Gen.Int[0, 30]).Array[0, 25];
        Gen.Select(words, merges, Gen.Bool).Sample((word, pairs, fallsBack) =>
        {
            var model = Model(pairs, fallsBack);
            var expected = PlainMerges(word, model);

            var (ordinary, asLong) = (new List<int>(), new List<int>());
            new BytePairMerger(model).Encode(word, ordinary);
            new LongWordMerger(model).Encode(word, asLong);

            ordinary.ShouldBe(expected);
            if (!fallsBack)
                asLong.ShouldBe(expected);
        }, iter: 500);
    }

    [Fact]
    public void Words_split_by_hand_are_those_of_the_regular_expression()
    {
        var expressions = new (string Pattern, Func<string, int> Length)[]
        {
            (Gpt2Words.Pattern, text => Gpt2Words.Length(text)),
            (Llama3Words.Pattern(singleDigits: false), text => Llama3Words.Length(text, 3)),
            (Llama3Words.Pattern(singleDigits: true), text => Llama3Words.Length(text, 1)),
        };
        foreach (var (pattern, length) in expressions)
        {
            var words = WordPattern.Of(pattern);
            // .NET's (?i) knows no long s, which is an s to other engines.
            Texts.Select(text => text.Replace('ſ', 's')).Sample(text =>
            {
                List<(int, int)> byHand = [];
                for (var at = 0; at < text.Length; at = byHand[^1].Item2)
                    byHand.Add((at, at + length(text[at..])));
                words.Matches(text).ShouldBe(byHand, $"{pattern} on {text}");
            }, iter: 1_000);
        }
    }

    [Fact]
    public void Each_character_outside_the_basic_plane_is_matched_as_one_of_its_category_inside_it()
    {
        for (var value = 0x10000; value <= 0x10FFFF; value++)
        {
            var category = Rune.GetUnicodeCategory(new Rune(value));
            char.GetUnicodeCategory(WordPattern.Representative(category)).ShouldBe(category);
        }
    }

    [Fact]
    public void A_file_however_broken_opens_or_is_refused_in_a_sentence()
    {
        string[] files =
        [
            TokenizerFile.ByteLevel(["a b", "ab c"], "<s>").ToJsonString(),
            Small("""{"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},{"type":"Replace","pattern":{"String":" "},"content":"▁"}]}"""),
        ];
        Gen.Select(Gen.OneOf(files), Damage).Sample((file, damage) => OpensOrIsRefused(damage(Encoding.UTF8.GetBytes(file)), "tokenizer.json"), iter: 3_000);
        Gen.Byte.Array[0, 200].Sample(bytes => OpensOrIsRefused(bytes, "tokenizer.json"), iter: 300);
    }

    [Fact]
    public void Vocabularies_and_merges_and_settings_however_broken_open_or_are_refused_in_a_sentence()
    {
        using var directory = new TemporaryDirectory();
        TinyFiles(directory);
        foreach (var name in new[] { "vocab.json", "merges.txt", "tokenizer_config.json" })
        {
            var sound = File.ReadAllBytes(directory[name]);
            Damage.Sample(damage =>
            {
                using var broken = new TemporaryDirectory();
                TinyFiles(broken);
                OpensOrIsRefused(broken, damage(sound), name);
            }, iter: 400);
        }
    }

    private static readonly string[] Splices = ["null", "{}", "[]", "\"\"", "-1", "1e99", "\"\\ud800\"", "999999999", "[[[[", "\"(\"", "true", " ", "\0"];

    /// <summary>A few bytes changed, cut out, said twice, or put in.</summary>
    private static readonly Gen<Func<byte[], byte[]>> Damage = Gen.Select(Gen.Int[0, 4], Gen.Double.Unit, Gen.Int[1, 40], Gen.Byte, Gen.OneOf(Splices))
        .Array[1, 3]
        .Select<(int Kind, double Place, int Length, byte Value, string Splice)[], Func<byte[], byte[]>>(changes => file => changes.Aggregate(file, (bytes, change) =>
        {
            var from = (int)(change.Place * bytes.Length);
            var to = Math.Min(bytes.Length, from + change.Length);
            return change.Kind switch
            {
                0 => [.. bytes[..from], change.Value, .. bytes[Math.Min(bytes.Length, from + 1)..]],
                1 => [.. bytes[..from], .. bytes[to..]],
                2 => [.. bytes[..to], .. bytes[from..]],
                3 => bytes[..from],
                _ => [.. bytes[..from], .. Encoding.UTF8.GetBytes(change.Splice), .. bytes[to..]],
            };
        }));

    private static bool IsWhole(string piece) => piece.EnumerateRunes().Sum(rune => rune.Utf16SequenceLength) == piece.Length
        && !piece.Where((c, i) => char.IsHighSurrogate(c) && (i + 1 == piece.Length || !char.IsLowSurrogate(piece[i + 1]))).Any();

    private static void OpensOrIsRefused(byte[] file, string name)
    {
        using var directory = new TemporaryDirectory();
        OpensOrIsRefused(directory, file, name);
    }

    private static void OpensOrIsRefused(TemporaryDirectory directory, byte[] file, string name)
    {
        File.WriteAllBytes(directory[name], file);
        try
        {
            // What opens also works.
            var tokenizer = TextTokenizer.Open(directory.Path);
            tokenizer?.Decode(tokenizer.EncodePrompt("abc the é🙂 <s>\n"));
        }
        catch (PolicyException e)
        {
            e.Message.ShouldContain(directory.Path);
            e.Message.ShouldEndWith(".");
        }
    }

    private static void TinyFiles(TemporaryDirectory directory)
    {
        var model = TokenizerFile.ByteLevel(["a b", "ab c"])["model"]!;
        File.WriteAllText(directory["vocab.json"], model["vocab"]!.ToJsonString());
        File.WriteAllText(directory["merges.txt"], "#version: 0.2\na b\nab c\n");
        File.WriteAllText(directory["tokenizer_config.json"], """{"tokenizer_class":"GPT2Tokenizer","eos_token":{"content":"a"},"bos_token":"b","add_bos_token":true}""");
    }

    private static string Small(string normaliser)
    {
        var file = TokenizerFile.Stories();
        file["normalizer"] = JsonNode.Parse(normaliser);
        file["model"]!["vocab"] = JsonNode.Parse("""{"<unk>":0,"<s>":1,"</s>":2,"▁":3,"a":4,"b":5,"ab":6,"▁a":7,"<0x0A>":8}""");
        file["model"]!["merges"] = JsonNode.Parse("""["a b","▁ a"]""");
        return file.ToJsonString();
    }

    private static TextTokenizer Composed(string normaliser, string pattern)
    {
        var file = TokenizerFile.Gpt2();
        file["normalizer"] = JsonNode.Parse(normaliser);
        file["pre_tokenizer"] = new JsonObject
        {
            ["type"] = "Sequence",
            ["pretokenizers"] = new JsonArray(
                new JsonObject { ["type"] = "Split", ["pattern"] = new JsonObject { ["Regex"] = pattern }, ["behavior"] = "Isolated" },
                new JsonObject { ["type"] = "ByteLevel", ["add_prefix_space"] = false, ["use_regex"] = false }),
        };
        return file.Open();
    }

    /// <summary>Letters, bytes, and what random pairs of tokens that are there already make.</summary>
    private static BytePairModel Model((int Left, int Right)[] pairs, bool fallsBack)
    {
        var tokens = new List<string> { "<unk>", "a", "b", "c" };
        List<(string, string)> merges = [];
        foreach (var (left, right) in pairs)
        {
            var (first, second) = (tokens[1 + (left % (tokens.Count - 1))], tokens[1 + (right % (tokens.Count - 1))]);
            merges.Add((first, second));
            if (!tokens.Contains(first + second))
                tokens.Add(first + second);
        }

        var vocabulary = tokens.Index().ToDictionary(entry => entry.Item, entry => entry.Index);
        for (var b = 0; fallsBack && b < 256; b++)
            vocabulary[$"<0x{b:X2}>"] = 1_000 + b;
        return new() { Vocabulary = vocabulary, Merges = merges, Unknown = "<unk>", FusesUnknown = true, FallsBackToBytes = fallsBack };
    }

    /// <summary>Byte pair encoding as papers write it: again and again, of all pairs that stand side by side, the leftmost of the best.</summary>
    private static List<int> PlainMerges(string word, BytePairModel model)
    {
        List<int> symbols = [];
        foreach (var letter in word.Select(c => c.ToString()))
        {
            if (model.Vocabulary.TryGetValue(letter, out var id))
                symbols.Add(id);
            else if (model.FallsBackToBytes)
                symbols.AddRange(Encoding.UTF8.GetBytes(letter).Select(b => 1_000 + b));
            else if (symbols is not [.., 0])
                symbols.Add(0);
        }

        var ranks = new Dictionary<(int, int), (int Rank, int Id)>();
        foreach (var (rank, (left, right)) in model.Merges.Index())
            ranks[(model.Vocabulary[left], model.Vocabulary[right])] = (rank, model.Vocabulary[left + right]);
        while (true)
        {
            var best = Enumerable.Range(0, Math.Max(0, symbols.Count - 1))
                .Where(i => ranks.ContainsKey((symbols[i], symbols[i + 1])))
                .OrderBy(i => ranks[(symbols[i], symbols[i + 1])].Rank).ThenBy(i => i)
                .Select(i => (int?)i).FirstOrDefault();
            if (best is not { } at)
                return symbols;
            symbols[at] = ranks[(symbols[at], symbols[at + 1])].Id;
            symbols.RemoveAt(at + 1);
        }
    }
}

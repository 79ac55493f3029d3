using System.Text.Json;
using System.Text.Json.Nodes;
using Annotator.Model.Checkpoints;
using Annotator.Model.Policies;
using Annotator.Model.Tokenization;
using Annotator.Tests.Fixtures;

namespace Annotator.Tests.Model.Tokenization;

public sealed class TokenizerJsonTests
{
    private const string BeginsWithMark = """
        {"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>","type_id":0}},{"Sequence":{"id":"A","type_id":0}},{"SpecialToken":{"id":"</s>","type_id":0}}]}
        """;

    private static readonly JsonNode Cases = Oracles.Json("tokenizers/cases.json");

    public static TheoryData<string> Variants => [.. Cases["variants"]!.AsArray().Select(variant => (string)variant!["name"]!)];

    [Theory]
    [MemberData(nameof(Variants))]
    public void Ids_and_texts_equal_those_of_the_Rust_library(string name)
    {
        var variant = Cases["variants"]!.AsArray().Single(variant => (string)variant!["name"]! == name)!;
        var file = Compose(variant);
        var tokenizer = file.Open();
        var special = file["added_tokens"]!.AsArray().Where(token => (bool)token!["special"]!).Select(token => (string)token!["content"]!).ToList();

        tokenizer.BeginIds.ShouldBe(variant["begin"]!.AsArray().Select(id => (int)id!));
        foreach (var (text, expected) in Cases["texts"]!.AsArray().Select(text => (string)text!).Zip(variant["cases"]!.AsArray()))
        {
            var ids = expected![0]!.AsArray().Select(id => (int)id!).ToList();
            var parts = TokenizerFile.WithSpecialTokens(text, special);

            tokenizer.Encode(parts).Select(token => token.Id).ShouldBe(ids, text);
            tokenizer.Decode(ids).ShouldBe((string?)expected[1] ?? text);
            if (!parts.Any(part => part.IsSpecial))
                tokenizer.Encode(text).ShouldBe(ids, text);
        }
    }

    [Fact]
    public void Ids_of_a_small_Llama_equal_those_of_its_own_program()
    {
        var tokenizer = TextTokenizer.Open(Path.GetDirectoryName(Oracles.Find("stories260K/tokenizer.json"))!)!;

        foreach (var expected in Oracles.Json("stories260K/expected.json")["tokenizer_cases"]!.AsArray())
        {
            var text = (string)expected!["text"]!;
            var ids = tokenizer.EncodePrompt(text);

            ids.ShouldBe(expected["ids_with_bos"]!.AsArray().Select(id => (int)id!), text);
            tokenizer.Decode(ids).ShouldBe(text);
        }

        tokenizer.VocabularySize.ShouldBe(512);
        tokenizer.EndOfTextId.ShouldBe(2);
        tokenizer.BeginIds.ShouldBe([1]);
    }

    [Fact]
    public void Tokens_of_a_small_Llama_stand_for_the_pieces_of_its_own_program()
    {
        var tokenizer = TokenizerFile.Stories().Open();
        foreach (var (id, piece) in Oracles.Json("stories260K/pieces_scores.json")["pieces"]!.AsArray().Select(piece => (string)piece!).Index().Skip(259))
            tokenizer.DecodeContinuation([id]).ShouldBe(piece.Replace('▁', ' '));

        tokenizer.BytesOf(3 + 0xE6).ToArray().ShouldBe([0xE6]);
        tokenizer.BytesOf(1).ToArray().ShouldBeEmpty();
    }

    [Fact]
    public void GPT2_as_one_file_has_the_ids_of_GPT2_as_two_and_the_one_is_read_where_there_are_both()
    {
        using var directory = new TemporaryDirectory();
        File.Copy(Oracles.Find("gpt2-tokenizer/encoder.json"), directory["vocab.json"]);
        File.Copy(Oracles.Find("gpt2-tokenizer/vocab.bpe"), directory["merges.txt"]);
        var two = TextTokenizer.Open(directory.Path)!;
        File.WriteAllText(directory["tokenizer.json"], TokenizerFile.Gpt2().ToJsonString());
        var one = TextTokenizer.Open(directory.Path)!;
        var text = File.ReadAllText(Oracles.Find("gpt2-tokenizer/input.txt"));

        one.Encode(text).ShouldBe(Oracles.Json("gpt2-tokenizer/expected_ids.json").AsArray().Select(id => (int)id!));
        two.Encode(text).ShouldBe(one.Encode(text));
        (two.EndOfTextId, two.VocabularySize).ShouldBe((one.EndOfTextId, one.VocabularySize));

        File.WriteAllText(directory["tokenizer.json"], TokenizerFile.ByteLevel([]).ToJsonString());
        TextTokenizer.Open(directory.Path)!.VocabularySize.ShouldBe(256);
    }

    [Fact]
    public void Files_of_another_tokenizer_than_GPT2_are_refused_without_a_tokenizer_json()
    {
        using var directory = new TemporaryDirectory();
        File.Copy(Oracles.Find("gpt2-tokenizer/encoder.json"), directory["vocab.json"]);
        File.Copy(Oracles.Find("gpt2-tokenizer/vocab.bpe"), directory["merges.txt"]);
        File.WriteAllText(directory["tokenizer_config.json"], """{"tokenizer_class":"Qwen2Tokenizer"}""");

        Should.Throw<PolicyException>(() => TextTokenizer.Open(directory.Path)).Message.ShouldContain("names a Qwen2Tokenizer, which splits text in its own way: that needs its tokenizer.json");
    }

    [Fact]
    public void A_merge_is_made_where_it_stands_first_in_the_file()
    {
        // "abc": "b c" is better than "a b", so it is made first; then "a" and "bc" have no merge.
        var tokenizer = TokenizerFile.ByteLevel(["b c", "a b", "ab c"]).Open();

        tokenizer.Encode("abc").ShouldBe(['a', 256]);
        tokenizer.Encode("ab").ShouldBe([257]);
    }

    [Fact]
    public void A_prompt_begins_with_the_token_that_the_template_names_and_a_response_does_not()
    {
        var tokenizer = With("post_processor", BeginsWithMark).Open();

        tokenizer.EncodePrompt("a").ShouldBe([300, 'a']);
        tokenizer.Encode("a").ShouldBe(['a']);
        tokenizer.EncodeContinuation("a").ShouldBe(['a']);                                        // and no end token anywhere
    }

    [Theory]
    [InlineData("""{"bos_token":"<s>","add_bos_token":false}""", new int[0])]
    [InlineData("""{"bos_token":{"content":"<s>"},"add_bos_token":true}""", new[] { 300 })]
    [InlineData("""{"bos_token":"<s>"}""", new[] { 300 })]
    public void What_tokenizer_config_says_of_the_first_token_counts_before_the_template(string config, int[] begin) =>
        With("post_processor", BeginsWithMark).Open(config).BeginIds.ShouldBe(begin);

    [Fact]
    public void The_end_token_is_the_one_that_the_directory_names()
    {
        var file = TokenizerFile.ByteLevel([], "<s>", "</s>", "<|endoftext|>");

        file.Open("""{"eos_token":"</s>"}""").EndOfTextId.ShouldBe(301);
        file.Open("""{"eos_token":{"content":"</s>"}}""").EndOfText.ShouldBe("</s>");
        file.Open().EndOfTextId.ShouldBe(302);
        file.Open("""{"eos_token":"<nowhere>"}""").EndOfTextId.ShouldBeNull();
    }

    [Fact]
    public void A_special_token_spelt_in_a_text_stays_text_also_where_a_word_or_merges_spell_it()
    {
        var file = TokenizerFile.ByteLevel(["< s", "<s >"]);
        file["added_tokens"] = new JsonArray(TokenizerFile.Added(257, "<s>", special: true));
        file["pre_tokenizer"]!["use_regex"] = false;
        file["model"]!["ignore_merges"] = true;
        var tokenizer = file.Open();

        tokenizer.Encode("<s>").ShouldBe([256, '>']);
        tokenizer.Encode([new TextPart("<s>", IsSpecial: true), new TextPart("<s>")]).ShouldBe([(257, false), (256, false), ('>', false)]);
    }

    [Fact]
    public void A_response_of_a_Llama_keeps_the_space_that_parts_it_from_its_prompt()
    {
        var tokenizer = TokenizerFile.Stories().Open();
        var whole = tokenizer.Encode("Once upon a time");
        var (prompt, response) = (whole[..2], whole[2..]);

        tokenizer.Decode(response).ShouldBe("a time");
        tokenizer.DecodeContinuation(response).ShouldBe(" a time");
        tokenizer.EncodeContinuation(" a time").ShouldBe(response);
        (tokenizer.Decode(prompt) + tokenizer.DecodeContinuation(response)).ShouldBe("On upon a time".Replace("On upon", tokenizer.Decode(prompt), StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("normalizer", """{"type":"BertNormalizer"}""", "its normalizer \"BertNormalizer\" is not known here")]
    [InlineData("normalizer", """{"type":"Replace","pattern":{"Regex":" +"},"content":""}""", "its normalizer \"Replace\" of a regular expression is not known here")]
    [InlineData("pre_tokenizer", """{"type":"Sequence","pretokenizers":[{"type":"Whitespace"}]}""", "its pre-tokenizer \"Whitespace\" is not known here")]
    [InlineData("pre_tokenizer", """{"type":"Split","pattern":{"Regex":"a"},"behavior":"MergedWithNext"}""", "its pre-tokenizer \"Split\" with the behavior \"MergedWithNext\" is not known here")]
    [InlineData("pre_tokenizer", """{"type":"Split","pattern":{"Regex":"\\w+"},"behavior":"Isolated"}""", "the regular expression \"\\w+\" can't be matched here exactly as it is meant")]
    [InlineData("pre_tokenizer", """{"type":"Split","pattern":{"Regex":"\\p{Han}++"},"behavior":"Isolated"}""", "the regular expression \"\\p{Han}++\" is not understood")]
    [InlineData("pre_tokenizer", """{"type":"Sequence","pretokenizers":[{"type":"ByteLevel"},{"type":"Digits"}]}""", "has a \"Digits\" after \"ByteLevel\"")]
    [InlineData("post_processor", """{"type":"BertProcessing"}""", "its post-processor \"BertProcessing\" is not known here")]
    [InlineData("post_processor", BeginsWithMark, "its vocabulary lacks the token \"<s>\", which begins a prompt")]
    [InlineData("decoder", """{"type":"WordPiece"}""", "its decoder \"WordPiece\" is not known here")]
    [InlineData("decoder", """{"type":"Strip","content":" ","start":2,"stop":0}""", "its decoder \"Strip\" is not known here but for one space at the start")]
    [InlineData("decoder", "null", "it has no decoder")]
    [InlineData("model", """{"type":"Unigram","vocab":[["a",-1.5]]}""", "its model is of the kind \"Unigram\", and only BPE is known here")]
    [InlineData("model", """{"type":"BPE","vocab":{"a":0},"merges":[],"dropout":0.1}""", "its model's \"dropout\" makes ids random")]
    [InlineData("model", """{"type":"BPE","vocab":{"a":0},"merges":[],"end_of_word_suffix":"</w>"}""", "its model's \"end_of_word_suffix\" is not known here")]
    [InlineData("model", """{"type":"BPE","vocab":{"a":0},"merges":[],"unk_token":"<unk>"}""", "its model's unk_token \"<unk>\" is not in the vocabulary")]
    [InlineData("model", """{"type":"BPE","vocab":{},"merges":[]}""", "its vocabulary is empty")]
    [InlineData("model", """{"type":"BPE","vocab":{"a":0,"a":1},"merges":[]}""", "the token \"a\" comes twice")]
    [InlineData("model", """{"type":"BPE","vocab":{"a":0,"b":0},"merges":[]}""", "two tokens of its vocabulary have the id 0")]
    [InlineData("model", """{"type":"BPE","vocab":{"a":-1},"merges":[]}""", "its vocabulary of 1 tokens has the id -1")]
    [InlineData("model", """{"type":"BPE","vocab":{"a":2000000000},"merges":[]}""", "its vocabulary of 1 tokens has the id 2000000000")]
    [InlineData("model", """{"type":"BPE","vocab":{"a":3000000000},"merges":[]}""", "\"a\" must be a whole number below 2³¹")]
    [InlineData("model", """{"type":"BPE","vocab":{"a":0},"merges":["a b"]}""", "the vocabulary lacks the token \"b\" of a merge")]
    [InlineData("model", """{"type":"BPE","vocab":{"a":0},"merges":[["a","a"]]}""", "the vocabulary lacks the token \"aa\" of a merge")]
    [InlineData("model", """{"type":"BPE","vocab":{"a":0},"merges":["a  a"]}""", "\"a  a\" is not a merge of two tokens")]
    [InlineData("model", """{"type":"BPE","vocab":{"a":0},"merges":[["a"]]}""", "\"a\" is not a merge of two tokens")]
    [InlineData("model", """{"type":"BPE","vocab":{"a":0,"":1},"merges":[["a",""],["","a"]]}""", "a merge has an empty part, so it could be made without end")]
    [InlineData("added_tokens", """[{"id":7,"content":"xx"},{"id":8,"content":"xx"}]""", "the added token \"xx\" comes twice")]
    [InlineData("added_tokens", """[{"id":7,"content":"x"}]""", "the added token \"x\" has the id 7, and 120 in the vocabulary")]
    [InlineData("added_tokens", """[{"id":7}]""", "it lacks \"content\"")]
    [InlineData("added_tokens", """[{"id":7,"content":"\ud800"}]""", "\"content\" is a text that is not valid Unicode")]
    public void What_is_not_known_or_not_sound_is_refused_by_name(string part, string json, string says)
    {
        // As text: a parsed object would not keep a key that comes twice.
        var others = TokenizerFile.ByteLevel(["a b"]).Where(field => field.Key != part).Select(field => $"\"{field.Key}\":{field.Value?.ToJsonString() ?? "null"}");

        var refused = Should.Throw<PolicyException>(() => TokenizerFile.Open($"{{{string.Join(',', others)},\"{part}\":{json}}}"));

        refused.Message.ShouldContain(says);
        refused.Message.ShouldStartWith("The tokenizer ");
        refused.Message.ShouldNotContain("\n");
    }

    [Fact]
    public void A_policy_with_a_tokenizer_of_another_kind_is_refused_before_it_is_opened()
    {
        using var directory = new TemporaryDirectory();
        foreach (var file in new[] { "config.json", "model.safetensors" })
            File.Copy(Oracles.Find($"models/gpt2/{file}"), directory[file]);
        var tokenizer = TokenizerFile.ByteLevel([]);
        File.WriteAllText(directory["tokenizer.json"], tokenizer.ToJsonString());
        PolicyFiles.Problem(directory.Path).ShouldBeNull();

        tokenizer["model"] = JsonNode.Parse("""{"type":"WordPiece","vocab":{}}""");
        File.WriteAllText(directory["tokenizer.json"], tokenizer.ToJsonString());
        PolicyFiles.Problem(directory.Path).ShouldNotBeNull().ShouldContain("\"WordPiece\", and only BPE is known here");
    }

    private static JsonObject With(string part, string json)
    {
        var file = TokenizerFile.ByteLevel([], "<s>", "</s>");
        file[part] = JsonNode.Parse(json);
        return file;
    }

    /// <summary>The cases' file names of each variant what it has that its base has not.</summary>
    private static JsonObject Compose(JsonNode variant)
    {
        var file = (string)variant["base"]! == "gpt2" ? Cases["gpt2"]!.DeepClone().AsObject() : TokenizerFile.Stories();
        foreach (var (part, json) in variant["changes"]!.AsObject())
            file[part] = json?.DeepClone();
        var model = file["model"]!.AsObject();
        foreach (var (part, json) in variant["model"]!.AsObject())
        {
            switch (part, json)
            {
                case ("vocab", JsonObject change):
                    foreach (var token in change["without"]!.AsArray())
                        model["vocab"]!.AsObject().Remove((string)token!);
                    foreach (var (token, id) in change["with"]!.AsObject())
                        model["vocab"]![token] = (int)id!;
                    break;
                case ("merges", JsonObject change):
                    var without = (change["without"]?.AsArray() ?? []).Select(merge => (string)merge!).ToHashSet();
                    var merges = model["merges"]!.AsArray().Select(merge => (string)merge!).Where(merge => !without.Contains(merge))
                        .Concat((change["then"]?.AsArray() ?? []).Select(merge => (string)merge!));
                    model["merges"] = JsonSerializer.SerializeToNode(merges);
                    break;
                case ("merges", _):
                    model["merges"] = JsonSerializer.SerializeToNode(model["merges"]!.AsArray().Select(merge => ((string)merge!).Split(' ')));
                    break;
                default:
                    model[part] = json?.DeepClone();
                    break;
            }
        }

        return file;
    }
}

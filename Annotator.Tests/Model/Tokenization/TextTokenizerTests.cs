using System.Text;
using Annotator.Model.Checkpoints;
using Annotator.Model.Tokenization;
using Annotator.Tests.Fixtures;

namespace Annotator.Tests.Model.Tokenization;

public sealed class TextTokenizerTests
{
    private static readonly TextTokenizer Gpt2 = TextTokenizer.Read(
        Oracles.Find("gpt2-tokenizer/encoder.json"), Oracles.Find("gpt2-tokenizer/vocab.bpe"));

    [Fact]
    public void Ids_of_a_long_text_equal_those_of_GPT2()
    {
        var text = File.ReadAllText(Oracles.Find("gpt2-tokenizer/input.txt"));
        var expected = Oracles.Json("gpt2-tokenizer/expected_ids.json").AsArray().Select(id => id!.GetValue<int>()).ToList();

        var ids = Gpt2.Encode(text);

        expected.Count.ShouldBe(11_378);
        ids.ShouldBe(expected);
        Gpt2.Decode(ids).ShouldBe(text);
        Gpt2.VocabularySize.ShouldBe(50_257);
        Gpt2.EndOfTextId.ShouldBe(50_256);
    }

    [Theory]
    [InlineData("Hello world", new[] { "Hello", " world" })]
    [InlineData("I'll they've it's 'twas", new[] { "I", "'ll", " they", "'ve", " it", "'s", " '", "twas" })]
    [InlineData("a  b\n\nc \n", new[] { "a", " ", " b", "\n", "\n", "c", " \n" })]
    [InlineData("3.14 x²", new[] { "3", ".", "14", " x", "²" })]
    [InlineData("𝒜𝒷c 𐐷!", new[] { "𝒜𝒷c", " 𐐷", "!" })]                                          // letters outside the basic plane
    [InlineData("né e\u0301", new[] { "né", " e", "\u0301" })]                                    // a combining mark is no letter
    [InlineData("\u00a0x", new[] { "\u00a0", "x" })]
    public void Text_is_split_into_words_as_GPT2_does(string text, string[] words)
    {
        List<string> split = [];
        for (var at = 0; at < text.Length;)
        {
            var length = Gpt2Words.Length(text.AsSpan(at));
            split.Add(text.Substring(at, length));
            at += length;
        }

        split.ShouldBe(words);
    }

    [Fact]
    public void Any_text_comes_back_from_its_ids()
    {
        foreach (var text in new[] { "", " ", "\n\n\t ", "日本語テキスト", "👩‍👩‍👧‍👦 family", "a\0b", "𝕳𝖊𝖑𝖑𝖔", new string('x', 5_000), "ﷺ\u2028\u0085" })
        {
            Gpt2.Decode(Gpt2.Encode(text)).ShouldBe(text);
        }
    }

    [Fact]
    public void A_special_token_spelt_in_a_text_stays_text()
    {
        var ids = Gpt2.Encode("a<|endoftext|>b");

        ids.ShouldNotContain(Gpt2.EndOfTextId!.Value);
        Gpt2.Decode(ids).ShouldBe("a<|endoftext|>b");
        Gpt2.Decode([Gpt2.EndOfTextId.Value]).ShouldBe("");
    }

    [Fact]
    public void A_long_word_takes_no_time_worth_speaking_of()
    {
        var word = string.Concat(Enumerable.Repeat("abcdefghij", 20_000));

        Gpt2.Decode(Gpt2.Encode(word)).ShouldBe(word);
    }

    [Fact]
    public void Streaming_never_shows_half_a_character()
    {
        const string Text = "naïve 日本語 👩‍👩‍👧‍👦 end";
        var decoder = new StreamingDecoder(Gpt2);
        var shown = new StringBuilder();
        foreach (var id in Gpt2.Encode(Text))
        {
            shown.Append(decoder.Append(id));
            Text.ShouldStartWith(shown.ToString());
        }

        shown.Append(decoder.Flush());
        shown.ToString().ShouldBe(Text);
    }

    [Fact]
    public void A_character_that_never_came_whole_is_replaced_at_the_end()
    {
        var decoder = new StreamingDecoder(Gpt2);

        decoder.Append(Gpt2.Encode("日")[0]).ShouldBe("");
        decoder.Flush().ShouldBe("\uFFFD");
    }

    [Fact]
    public void A_broken_vocabulary_is_refused_in_a_sentence()
    {
        using var directory = new TemporaryDirectory();
        File.WriteAllText(directory["vocab.json"], """{"a":0}""");
        File.WriteAllText(directory["merges.txt"], "");

        Should.Throw<PolicyException>(() => TextTokenizer.Open(directory.Path))
            .Message.ShouldContain("the vocabulary lacks the token");
    }

    [Fact]
    public void A_directory_without_tokenizer_files_has_no_tokenizer() =>
        TextTokenizer.Open(Oracles.Find("models/gpt2")).ShouldBeNull();
}

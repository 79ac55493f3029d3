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
}

using Annotator.Model.Checkpoints;
using Annotator.Model.Tokenization;
using Annotator.Tests.Fixtures;

namespace Annotator.Tests.Model.Tokenization;

public sealed class ChatTemplateTests
{
    private static readonly TextTokenizer Gpt2 = TextTokenizer.Read(
        Oracles.Find("gpt2-tokenizer/encoder.json"), Oracles.Find("gpt2-tokenizer/vocab.bpe"));

    [Fact]
    public void The_plain_template_is_the_transcript_of_the_HH_data()
    {
        var chat = ChatTemplate.Plain.Prompt([new("user", "Hi"), new("assistant", "Hello."), new("user", "How are you?")], Gpt2);

        chat.Text.ShouldBe("\n\nHuman: Hi\n\nAssistant: Hello.\n\nHuman: How are you?\n\nAssistant:");
        chat.TokenIds.ShouldBe(Gpt2.Encode(chat.Text));
        ChatTemplate.Plain.StopStrings.ShouldBe(["\n\nHuman:"]);
        ChatTemplate.Plain.EndIds(Gpt2).ShouldBe([Gpt2.EndOfTextId!.Value]);
    }

    [Fact]
    public void A_tokenizer_without_the_templates_tokens_is_refused_in_a_sentence() =>
        Should.Throw<PolicyException>(() => ChatTemplate.Chatml.Prompt([new("user", "Hi")], Gpt2))
            .Message.ShouldBe("The tokenizer has no token \"<|im_start|>\", which the chat template needs.");
}

using Annotator.Model.Preferences;
using Annotator.Model.Tokenization;
using Annotator.Model.Training;
using Annotator.Tests.Fixtures;

namespace Annotator.Tests.Model.Training;

[Collection(TorchCollection.Name)]
public sealed class TokenExamplesTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly TextTokenizer _bytes;

    public TokenExamplesTests() => _bytes = TextTokenizer.Open(TinyPolicy.WriteRandom(_directory.Path))!;

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Of_a_prompt_and_completion_only_the_completion_and_its_end_are_targets()
    {
        var examples = From(new TrainingText { Prompt = "ab", Completion = "cd" });

        examples[0].ShouldBe([('a', false), ('b', false), ('c', true), ('d', true), (TinyPolicy.EndOfText, true)]);
        examples.Targets.ShouldBe(3);
    }

    [Fact]
    public void Texts_are_parted_by_the_end_token_and_cut_into_windows_that_share_one_token()
    {
        var examples = From(new TrainingText { Text = "abcd" }, new TrainingText { Text = "efgh" });

        Ids(examples, 0).ShouldBe([TinyPolicy.EndOfText, 'a', 'b', 'c', 'd']);
        Ids(examples, 1).ShouldBe(['d', TinyPolicy.EndOfText, 'e', 'f', 'g']);
        examples[1].Select(token => token.IsTarget).ShouldBe([false, true, true, true, true]);
        examples.Count.ShouldBe(2);
    }

    [Fact]
    public void Of_a_chat_what_the_assistant_says_is_the_target()
    {
        var line = new TrainingText { Messages = [new("user", "Hi"), new("assistant", "Yo"), new("user", "Bye"), new("assistant", "So")] };

        var examples = TokenExamples.From([line], _bytes, 64, null, ChatTemplate.Plain, CancellationToken.None);

        _bytes.Decode(Ids(examples, 0)).ShouldBe("\n\nHuman: Hi\n\nAssistant: Yo\n\nHuman: Bye\n\nAssistant: So");
        _bytes.Decode(examples[0].Where(token => token.IsTarget).Select(token => token.Id)).ShouldBe(" Yo So");
        examples[0].Count(token => token is (TinyPolicy.EndOfText, true)).ShouldBe(2);
    }

    [Fact]
    public void Of_a_line_of_the_trl_dataset_the_chosen_completion_is_the_target()
    {
        File.WriteAllLines(_directory["trl.jsonl"],
        [
            """{"prompt":"ab","chosen":"cd","rejected":"ef"}""",
            """{"prompt":[{"role":"user","content":"Hi"}],"chosen":[{"role":"assistant","content":"Yo"}],"rejected":[{"role":"assistant","content":"No"}]}""",
        ]);

        var examples = TokenExamples.From(TrainingText.Read(_directory["trl.jsonl"]), _bytes, 64, null, ChatTemplate.Plain, CancellationToken.None);

        examples[0].ShouldBe([('a', false), ('b', false), ('c', true), ('d', true), (TinyPolicy.EndOfText, true)]);
        _bytes.Decode(Ids(examples, 1)).ShouldBe("\n\nHuman: Hi\n\nAssistant: Yo");
        _bytes.Decode(examples[1].Where(token => token.IsTarget).Select(token => token.Id)).ShouldBe(" Yo");
    }

    [Fact]
    public void An_example_longer_than_the_window_is_cut_and_counted()
    {
        var examples = From(new TrainingText { Prompt = "ab", Completion = "cdefgh" });

        Ids(examples, 0).ShouldBe(['a', 'b', 'c', 'd', 'e']);                                     // and no end token
        examples.Cut.ShouldBe(1);
    }

    [Fact]
    public void Every_epoch_has_every_example_once_in_another_order()
    {
        var examples = From([.. Enumerable.Range(1, 300).Select(i => new TrainingText { Prompt = "p", Completion = new string('x', 1 + i % 4) })]);

        var (first, second) = (examples.Order(seed: 3, epoch: 0, batchSize: 4), examples.Order(seed: 3, epoch: 1, batchSize: 4));

        first.Order().ShouldBe(Enumerable.Range(0, 300));
        second.Order().ShouldBe(Enumerable.Range(0, 300));
        second.ShouldNotBe(first);
        examples.Order(seed: 3, epoch: 0, batchSize: 4).ShouldBe(first);
        first[..4].Select(examples.LengthOf).Distinct().Count().ShouldBe(1);                      // batches carry little padding
    }

    [Fact]
    public void A_line_of_none_of_the_shapes_is_named_by_its_number()
    {
        File.WriteAllText(_directory["data.jsonl"], "{\"text\":\"fine\"}\n\n{\"txt\":\"not\"}\n");

        Should.Throw<JsonLineException>(() => TrainingText.Read(_directory["data.jsonl"]).ToList())
            .Message.ShouldContain("data.jsonl, line 3: it must have \"text\"");
    }

    private TokenExamples From(params TrainingText[] lines) => TokenExamples.From(lines, _bytes, 4, null, null, CancellationToken.None);

    private static int[] Ids(TokenExamples examples, int index) => [.. examples[index].Select(token => token.Id)];
}

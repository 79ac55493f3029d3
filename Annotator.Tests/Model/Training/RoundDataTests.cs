using Annotator.Model.Checkpoints;
using Annotator.Model.Preferences;
using Annotator.Model.Training;
using Annotator.Tests.Fixtures;

namespace Annotator.Tests.Model.Training;

/// <summary>What a round trains on, from the lines of preferences.jsonl.</summary>
[Collection(TorchCollection.Name)]
public sealed class RoundDataTests : IDisposable
{
    private readonly TemporaryDirectory _folder = new();
    private readonly Policy _policy;

    public RoundDataTests() => _policy = PolicyDirectory.Open(TinyPolicy.WriteRandom(Path.Combine(_folder.Path, "policy")));

    public void Dispose()
    {
        _policy.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void Sampled_ids_are_trained_on_as_they_are_and_text_is_tokenised_and_ended()
    {
        var line = Line("ab") with
        {
            Completions = [new() { Text = "not what the ids say", TokenIds = [7, 8] }, new() { Text = "cd" }],
        };

        var comparison = Read(line).Train.ShouldHaveSingleItem();

        comparison.Prompt.ShouldBe([97, 98]);                                                     // bytes of the text
        comparison.Completions[0].ShouldBe([7, 8]);                                               // cut off by max_tokens: no end
        comparison.Completions[1].ShouldBe([99, 100, TinyPolicy.EndOfText]);
    }

    [Fact]
    public void A_known_reference_log_probability_is_taken_where_it_is_that_of_the_trained_ids()
    {
        var line = Line("ab") with
        {
            Completions =
            [
                new() { Text = "x", TokenIds = [1, 2, 3], ReferenceLogp = -4.5 },
                new() { Text = "text only", ReferenceLogp = -9 },
                new() { Text = "y", TokenIds = [.. Enumerable.Repeat(5, 70)], ReferenceLogp = -99 },
            ],
            Ranking = new Ranking([[0], [1], [2]]),
        };

        var comparison = Read(line).Train.ShouldHaveSingleItem();

        comparison.ReferenceLogps.ShouldBe([-4.5, null, null]);
        comparison.Completions[2].Length.ShouldBe(TinyPolicy.ContextLength - 2);
    }

    [Fact]
    public void Held_out_are_whole_prompts_and_nothing_where_something_is_already()
    {
        var lines = Enumerable.Range(0, 30).Select(i => Line($"{(char)('a' + i % 10)}") with { Id = $"c-{i}" }).ToArray();
        var data = Read(lines);

        var split = data.HoldOut(0.2, seed: 5);

        split.Eval.Select(one => one.Prompt[0]).Distinct().Count().ShouldBe(2);
        split.Eval.Count.ShouldBe(6);
        split.Train.Select(one => one.Prompt[0]).ShouldNotContain(split.Eval[0].Prompt[0]);
        split.Train.Concat(split.Eval).Select(one => one.Id).ShouldBe(data.Train.Select(one => one.Id), ignoreOrder: true);
        split.HoldOut(0.5, seed: 1).ShouldBe(split);
        data.HoldOut(0, seed: 5).Eval.ShouldBeEmpty();
    }

    [Fact]
    public void Completions_that_nobody_ranked_are_left_out()
    {
        var line = Line("ab") with
        {
            Completions = [new() { Text = "0" }, new() { Text = "1" }, new() { Text = "2" }],
            Ranking = Ranking.Prefer(2, 0),
        };

        var comparison = Read(line).Train.ShouldHaveSingleItem();

        comparison.Completions.Select(ids => ids[0]).ShouldBe([48, 50]);
        comparison.Ranking.ShouldBe(Ranking.Prefer(1, 0));
    }

    [Fact]
    public void A_policy_that_went_far_from_its_reference_or_writes_much_longer_is_told()
    {
        RoundWarnings.OfSamples(kl: 4.2, standardError: 0.3, length: 40, lengthBefore: 38).ShouldBeEmpty();
        RoundWarnings.OfSamples(kl: 31.2, standardError: 1.5, length: 40, lengthBefore: 38).ShouldHaveSingleItem().ShouldStartWith("the policy has moved 31.2 ± 3.0 nats of KL away from its reference, more than 15:");
        RoundWarnings.OfSamples(kl: 4.2, standardError: null, length: 64, lengthBefore: 32).ShouldBe(["fresh samples have 64 tokens on average, 32 before the round: length may have been learned in place of what people meant"]);
    }

    [Fact]
    public void Lengths_that_the_policy_may_learn_instead_and_lost_ends_are_warned_of()
    {
        var even = Line("ab") with { Completions = [new() { Text = "ab" }, new() { Text = "cd" }] };
        var uneven = Line("ab") with { Completions = [new() { Text = "abcdefghijk" }, new() { Text = "cd" }] };
        var cut = Line("ab") with { Completions = [new() { Text = new string('a', 99) }, new() { Text = new string('b', 99) }] };

        RoundWarnings.Of(Read(even)).ShouldBeEmpty();
        RoundWarnings.Of(Read(uneven)).ShouldBe(["chosen completions have 12 tokens on average and rejected ones 3: the policy may learn to write longer rather than better"]);
        RoundWarnings.Of(Read(even, cut)).ShouldBe(["2 of 4 completions were cut at max_length and have lost their end"]);
    }

    [Fact]
    public void Splits_are_kept_apart_and_what_is_left_out_is_counted()
    {
        var data = Read(
            Line("ab"),
            Line("cd") with { Split = PreferenceSplit.Eval },
            Line("") with { Id = "no prompt" },
            Line("ef") with { Ranking = Ranking.Tie(2) });

        data.Train.Count.ShouldBe(1);
        data.Eval.Count.ShouldBe(1);
        data.Dropped.ShouldBe(new Dictionary<string, int> { ["empty prompt"] = 1, ["tied"] = 1 }, ignoreOrder: true);
    }

    [Fact]
    public void A_chat_is_written_as_the_named_template_has_it_and_answers_end_as_its_turns_do()
    {
        var chat = Line("ab") with { Prompt = TextOrMessages.FromMessages([new("user", "Hi")]) };

        var read = Read(RoundOptions.AppDefaults("policy", "reference") with { ChatTemplate = "plain" }, chat).Train.Single();

        _policy.Tokenizer!.Decode(read.Prompt).ShouldBe("\n\nHuman: Hi\n\nAssistant:");
        _policy.Tokenizer.Decode(read.Completions[0]).ShouldBe(" yes");
        read.Completions[0][^1].ShouldBe(TinyPolicy.EndOfText);
    }

    [Fact]
    public void A_chat_of_a_policy_that_names_no_template_is_refused_by_line()
    {
        var chat = Line("ab") with { Prompt = TextOrMessages.FromMessages([new("user", "Hi")]) };

        Should.Throw<JsonLineException>(() => Read(Line("ab"), chat)).Message
            .ShouldMatch("line 2: the prompt of c is a chat without token ids, and .* names no chat template that is known here: choose one by name .plain, chatml, llama-3, zephyr., as chat_template");
    }

    private static PreferenceLine Line(string prompt) => new()
    {
        Id = "c",
        Prompt = prompt,
        Completions = [new() { Text = "yes" }, new() { Text = "no" }],
        Ranking = Ranking.Prefer(0, 1),
    };

    private RoundData Read(params PreferenceLine[] lines) => Read(RoundOptions.AppDefaults("policy", "reference"), lines);

    private RoundData Read(RoundOptions options, params PreferenceLine[] lines)
    {
        var file = Path.Combine(_folder.Path, "preferences.jsonl");
        JsonLines.Write(file, lines);
        return RoundData.Read(file, _policy, options);
    }
}

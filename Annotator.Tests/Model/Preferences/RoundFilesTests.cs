using Annotator.Model.Preferences;

namespace Annotator.Tests.Model.Preferences;

public sealed class RoundFilesTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("annotator-round-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public void A_line_of_preferences_is_spelled_as_the_contract_says_and_comes_back_byte_for_byte()
    {
        const string line = """{"id":"c-1","prompt":"This movie","prompt_token_ids":[5,6],"completions":[{"text":" was “fine”.","token_ids":[7,8],"reference_logp":-41.7,"policy":"abc"},{"text":" fell flat."}],"ranking":[[1],[0]],"weight":1,"split":"eval"}""";
        var path = Path.Combine(_folder.FullName, "preferences.jsonl");
        File.WriteAllText(path, line + "\n");

        var preference = JsonLines.Read<PreferenceLine>(path).ShouldHaveSingleItem();

        preference.Prompt.Text.ShouldBe("This movie");
        preference.PromptTokenIds.ShouldBe([5, 6]);
        preference.Completions[0].ReferenceLogp.ShouldBe(-41.7);
        preference.Completions[1].TokenIds.ShouldBeNull();
        preference.Ranking.ShouldBe(Ranking.Prefer(1, 0));
        preference.Split.ShouldBe(PreferenceSplit.Eval);
        JsonLines.Write(path, [preference]);
        File.ReadAllText(path).ShouldBe(line + "\n");
    }

    [Fact]
    public void A_prompt_may_be_the_messages_of_a_chat()
    {
        const string line = """{"prompt":[{"role":"user","content":"Hi"}],"chosen":[{"role":"assistant","content":"Hello"}],"rejected":[{"role":"assistant","content":"No"}],"margin":2}""";

        JsonLines.Format(JsonLines.Parse<TrlLine>(line, "x.jsonl", 1)).ShouldBe(line);
    }

    [Theory]
    [InlineData("""{"id":"a","prompt":"x","completions":[{"text":"1"},{"text":"2"}],"ranking":[[0],[2]]}""", "names completion 2")]
    [InlineData("""{"id":"a","prompt":"x","completions":[{"text":"1"}],"ranking":[[0]]}""", "needs at least two")]
    [InlineData("""{"id":"a","prompt":7,"completions":[],"ranking":[[0]]}""", "prompt: Expected a text")]
    [InlineData("""{"id":"a","prompt":"x","completions":[{"text":"1"},{"text":"2"}],"ranking":[[0],[1]],"split":"dev"}""", "split: must be one of train, eval; it is dev.")]
    [InlineData("""{"id":"a" """, "Expected")]
    public void A_refused_line_is_named_by_file_number_and_reason(string line, string reason)
    {
        var path = Path.Combine(_folder.FullName, "preferences.jsonl");
        File.WriteAllText(path, "\n" + line + "\n");

        var refused = Should.Throw<JsonLineException>(() => JsonLines.Read<PreferenceLine>(path).ToList());

        refused.Message.ShouldStartWith($"{path}, line 2: ");
        refused.Message.ShouldContain(reason);
    }

    [Fact]
    public void The_tail_of_metrics_gives_each_whole_line_once()
    {
        var path = Path.Combine(_folder.FullName, "metrics.jsonl");
        var tail = new MetricsTail(path);
        tail.ReadNew().ShouldBeEmpty();

        File.AppendAllText(path, JsonLines.Format(new RoundMetrics { Step = 0, MaxSteps = 2, Loss = 0.5, GradNorm = 1 }) + "\n{\"step\":1,");
        var first = tail.ReadNew().ShouldHaveSingleItem();
        first.GradNorm.ShouldBe(1);
        tail.ReadNew().ShouldBeEmpty();

        File.AppendAllText(path, "\"max_steps\":2,\"rewards/margins\":0.25}\n");
        tail.ReadNew().ShouldHaveSingleItem().RewardsMargins.ShouldBe(0.25);
    }

    [Fact]
    public void A_result_comes_back_from_its_file()
    {
        var path = Path.Combine(_folder.FullName, "result.json");
        var result = new RoundResult { Status = RoundStatus.Failed, Reason = "beta must be > 0; it is 0", Dropped = new Dictionary<string, int> { ["tied"] = 2 } };

        result.Write(path);

        File.ReadAllText(path).ShouldContain("\"status\": \"failed\"");
        RoundResult.Read(path).Dropped["tied"].ShouldBe(2);
    }
}

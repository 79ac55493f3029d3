using Annotator.Model.Preferences;
using Annotator.Tests.Fixtures;

namespace Annotator.Tests.Model.Preferences;

public sealed class PreferenceFileTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Lines_of_a_round_and_of_the_trl_dataset_are_both_preferences()
    {
        var ofRound = RoundFolder.Line("c-1", [1], [2], [3]);
        File.WriteAllLines(_directory["mixed.jsonl"],
        [
            JsonLines.Format(ofRound),
            "",
            """{"prompt":"Film","chosen":" good","rejected":" bad"}""",
            """{"prompt":[{"role":"user","content":"Hi"}],"chosen":[{"role":"assistant","content":"Yo"}],"rejected":[{"role":"assistant","content":"No"}]}""",
        ]);

        var lines = PreferenceFile.ReadNumbered(_directory["mixed.jsonl"]).ToList();

        lines.Select(line => line.Number).ShouldBe([1, 3, 4]);
        lines[0].Line.Id.ShouldBe("c-1");
        lines[1].Line.Completions.Select(completion => completion.Text).ShouldBe([" good", " bad"]);
        lines[1].Line.Ranking.ShouldBe(Ranking.Prefer(0, 1));
        lines[2].Line.Prompt.Messages!.Single().Content.ShouldBe("Hi");
        lines[2].Line.Completions[0].Text.ShouldBe("Yo");
    }

    [Theory]
    [InlineData("""{"prompt":"Film","chosen":" good"}""", "line 1: ")]
    [InlineData("""{"prompt":"Film","chosen":" good","rejected":" good"}""", "line 1: chosen and rejected are the same text.")]
    [InlineData("no json", "line 1: ")]
    public void A_line_that_is_no_preference_is_named(string line, string reason)
    {
        File.WriteAllText(_directory["bad.jsonl"], line);

        Should.Throw<JsonLineException>(() => PreferenceFile.ReadNumbered(_directory["bad.jsonl"]).ToList()).Message.ShouldContain(reason);
    }
}

using Annotator.Model.Preferences;
using Annotator.Model.Preferences.Datasets;

namespace Annotator.Tests.Model.Preferences.Datasets;

/// <summary>One object in, one row out, and back.</summary>
public sealed class DatasetFormatsTests
{
    /// <summary>Lines as their publishers write them, of every format and shape, and what each is recognised as.</summary>
    public static TheoryData<string, string> Lines => new()
    {
        { "trl", """{"prompt":"The sky is","chosen":" blue.","rejected":" green.","margin":0.5}""" },
        { "trl", """{"chosen":"The sky is blue.","rejected":"The sky is green."}""" },
        { "trl", """{"prompt":[{"role":"user","content":"Colour?"}],"chosen":[{"role":"assistant","content":"Blue."}],"rejected":[{"role":"assistant","content":"Green."}]}""" },
        { "trl", """{"chosen":[{"role":"user","content":"Colour?"},{"role":"assistant","content":"Blue."}],"rejected":[{"role":"user","content":"Colour?"},{"role":"assistant","content":"Green."}]}""" },
        { "hh-rlhf", """{"chosen":"\n\nHuman: Colour?\n\nAssistant: Blue.","rejected":"\n\nHuman: Colour?\n\nAssistant: Green."}""" },
        { "openai-comparisons", """{"info":{"id":"t3_1","post":"Long.","title":"T","subreddit":"tea"},"summaries":[{"text":" Blue.","policy":"sup1","note":null},{"text":" Green.","policy":"ref","note":null}],"choice":0,"worker":"w1","batch":"b","split":"train","extra":{"confidence":null}}""" },
        { "ultrafeedback-binarized", """{"prompt":"Colour?","prompt_id":"1f","chosen":[{"content":"Colour?","role":"user"},{"content":"Blue.","role":"assistant"}],"rejected":[{"content":"Colour?","role":"user"},{"content":"Green.","role":"assistant"}],"messages":[],"score_chosen":8.5,"score_rejected":3.0}""" },
        { "ranking", """{"id":"1/2","prompt":"The sky is","completions":[{"text":" green."},{"text":" blue.","token_ids":[1,2]},{"text":" azure."}],"ranking":[[1,2],[0]],"weight":1,"split":"train"}""" },
        { "arena", """{"question_id":"q","model_a":"a","model_b":"b","winner":"model_b","judge":"j","conversation_a":[{"role":"user","content":"Colour?"},{"role":"assistant","content":"Green."}],"conversation_b":[{"role":"user","content":"Colour?"},{"role":"assistant","content":"Blue."}],"turn":1,"language":"English","tstamp":1000.5}""" },
        { "openassistant-trees", """{"message_tree_id":"t","prompt":{"message_id":"m","role":"prompter","text":"Colour?","replies":[{"role":"assistant","text":"Green.","rank":1,"replies":[]},{"role":"assistant","text":"Blue.","rank":0},{"role":"assistant","text":"Unranked.","rank":null}]}}""" },
    };

    [Theory]
    [MemberData(nameof(Lines))]
    public void A_file_is_recognised_by_its_first_line_and_its_better_side_is_the_better_one(string format, string line)
    {
        DatasetFormats.Recognise(line)!.Name.ShouldBe(format);

        var row = DatasetFormats.Find(format)!.Read(line).Rows.ShouldHaveSingleItem();

        row.Completions[row.Ranking!.Tiers[0][0]].Text.ToLowerInvariant().ShouldContain("blue.");
        row.Completions[row.Ranking.Tiers[^1][0]].Text.ToLowerInvariant().ShouldContain("green.");
    }

    [Fact]
    public void What_a_format_says_beside_the_texts_is_kept()
    {
        Row("trl").Margin.ShouldBe(0.5);
        (Row("openai-comparisons").Prompt.Text, Row("openai-comparisons").Annotator, Row("openai-comparisons").Completions[0].Policy)
            .ShouldBe(("SUBREDDIT: r/tea\n\nTITLE: T\n\nPOST: Long.\n\nTL;DR:", "w1", "sup1"));
        Row("ultrafeedback-binarized").Margin.ShouldBe(5.5);
        (Row("arena").Annotator, Row("arena").At).ShouldBe(("j", DateTime.UnixEpoch.AddSeconds(1000.5)));
        Row("ranking").Ranking.ShouldBe(new Ranking([[1, 2], [0]]));
        Row("ranking").Completions[1].TokenIds.ShouldBe([1, 2]);
        Row("openassistant-trees").Completions.Select(c => c.Text).ShouldBe(["Blue.", "Green."], "a reply without a rank was not compared");
        Row("hh-rlhf").Prompt.Text.ShouldBe("\n\nHuman: Colour?\n\nAssistant:");
    }

    [Fact]
    public void A_ranking_with_a_tie_is_said_by_each_format_as_well_as_it_can()
    {
        var row = new DatasetRow
        {
            Id = "7/9", PromptId = "3", Prompt = TextOrMessages.FromMessages([new("user", "Colour?")]), Annotator = "annotator-1", At = DateTime.UnixEpoch,
            Completions = [new() { Text = "Green.", Policy = "p0" }, new() { Text = "Blue.", Policy = "p1" }, new() { Text = "Azure.", Author = TextAuthor.Person }],
            Ranking = new([[1, 2], [0]]),
        };

        Write("ranking", row).ShouldBe(["""{"id":"7/9","prompt":[{"role":"user","content":"Colour?"}],"completions":[{"text":"Green.","policy":"p0"},{"text":"Blue.","policy":"p1"},{"text":"Azure.","author":"person"}],"ranking":[[1,2],[0]],"weight":1,"split":"train"}"""]);
        Write("trl", row).Count.ShouldBe(2, "nothing is made of the tie");
        Write("trl", row)[1].ShouldBe("""{"prompt":[{"role":"user","content":"Colour?"}],"chosen":[{"role":"assistant","content":"Azure."}],"rejected":[{"role":"assistant","content":"Green."}],"chosen_author":"person"}""");
        Write("hh-rlhf", row)[0].ShouldBe("""{"chosen":"\n\nHuman: Colour?\n\nAssistant: Blue.","rejected":"\n\nHuman: Colour?\n\nAssistant: Green."}""");
        Write("openai-comparisons", row)[0].ShouldBe("""{"info":{"id":"3","post":"User: Colour?","title":null,"subreddit":null},"split":"train","summaries":[{"text":"Green.","policy":"p0","note":null},{"text":"Blue.","policy":"p1","note":null}],"choice":1,"worker":"annotator-1","batch":"1970-01-01","note":null,"extra":{"confidence":null}}""");
        Write("ultrafeedback-binarized", row)[0].ShouldEndWith("\"score_chosen\":1,\"score_rejected\":0}");
        Write("arena", row).Select(line => DatasetFormats.Find("arena")!.Read(line).Rows.Single().Ranking!.ToString()).ShouldBe(["[[1],[0]]", "[[1],[0]]", "[[0,1]]"]);
        Write("arena", row with { Ranking = null, Completions = [.. row.Completions.Take(2)] }).ShouldHaveSingleItem().ShouldContain("""winner":"tie (bothbad)""");
    }

    /// <summary>Everything that the traps of other tools come from.</summary>
    [Theory]
    [InlineData("trl", "nonsense", "It is not JSON.")]
    [InlineData("trl", "[1]", "It must be a JSON object; it is a list.")]
    [InlineData("trl", """{"prompt":"a","chosen":"b"}""", "\"rejected\" is missing.")]
    [InlineData("trl", """{"prompt":"a","chosen":"b","rejected":"b"}""", "A completion is preferred to one of the same text.")]
    [InlineData("trl", """{"prompt":"a","chosen":" ","rejected":"b"}""", "A completion is empty.")]
    [InlineData("trl", """{"prompt":"","chosen":"a","rejected":"b"}""", "The prompt is empty.")]
    [InlineData("trl", """{"prompt":1,"chosen":"a","rejected":"b"}""", "\"prompt\" must be a text; it is a number.")]
    [InlineData("trl", """{"chosen":"a","rejected":"b"}""", "There is no prompt: chosen and rejected begin differently.")]
    [InlineData("trl", """{"prompt":"\ud83d","chosen":"a","rejected":"b"}""", "\"prompt\" holds half of a surrogate pair, which is no character.")]
    [InlineData("trl", """{"prompt":[{"role":"tool","content":"x"}],"chosen":[{"role":"assistant","content":"a"}],"rejected":[{"role":"assistant","content":"b"}]}""", "A role in \"prompt\" must be system, user or assistant.")]
    [InlineData("trl", """{"prompt":[{"role":"user","content":"x"}],"chosen":[{"role":"user","content":"a"}],"rejected":[{"role":"assistant","content":"b"}]}""", "Chosen and rejected must each be one turn of the assistant after the same prompt.")]
    [InlineData("hh-rlhf", """{"chosen":"\n\nHuman: x","rejected":"\n\nHuman: x"}""", "A transcript has no turn of the assistant.")]
    [InlineData("openai-comparisons", """{"info":{"post":"x"},"summaries":[{"text":"a"},{"text":"b"}],"choice":2}""", "\"choice\" must be 0 or 1.")]
    [InlineData("openai-comparisons", """{"info":{"post":"x"},"summaries":[{"text":"a"},{}],"choice":1}""", "\"text\" is missing.")]
    [InlineData("ranking", """{"prompt":"x","completions":[{"text":"a"},{"text":"b"}],"ranking":[[0],[2]]}""", "The ranking names a completion that is not there; they are counted from 0.")]
    [InlineData("ranking", """{"prompt":"x","completions":[{"text":"a"},{"text":"b"}],"ranking":[[0],[0]]}""", "\"ranking\" can't be used: A ranking names each completion once; it names 0 twice.")]
    [InlineData("ranking", """{"prompt":"x","completions":[{"text":"a"}],"ranking":[[0]]}""", "There must be at least two completions to compare; there are 1.")]
    [InlineData("arena", """{"winner":"A","conversation_a":[{"role":"user","content":"x"},{"role":"assistant","content":"a"}],"conversation_b":[{"role":"user","content":"x"},{"role":"assistant","content":"b"}]}""", "The winner must be model_a, model_b, tie or tie (bothbad).")]
    [InlineData("openassistant-trees", """{"message_tree_id":"t","prompt":{"role":"prompter","text":"x","replies":[]}}""", "Nobody ranked replies in this tree.")]
    public void What_is_no_preference_is_refused_with_its_reason(string format, string line, string reason) =>
        DatasetFormats.Find(format)!.Read(line).Refusal.ShouldBe(reason);

    [Fact]
    public void Our_own_lines_come_back_as_they_went()
    {
        foreach (var format in (string[])["trl", "ranking"])
        {
            foreach (var line in Lines.Select(data => data.Data.Item2).Where(line => DatasetFormats.Recognise(line)!.Name == format && line.Contains("\"prompt\"")))
            {
                Write(format, DatasetFormats.Find(format)!.Read(line).Rows.Single()).ShouldBe([line]);
            }
        }
    }

    private static DatasetRow Row(string format) =>
        DatasetFormats.Find(format)!.Read(Lines.First(data => data.Data.Item1 == format).Data.Item2).Rows.Single();

    private static List<string> Write(string format, DatasetRow row) => [.. DatasetFormats.Find(format)!.Write(row)];
}

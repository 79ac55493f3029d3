using System.Text;
using System.Text.Json.Nodes;
using Annotator.Model.Preferences;
using Annotator.Model.Preferences.Datasets;
using Annotator.Tests.Fixtures;

namespace Annotator.Tests.Model.Preferences.Datasets;

/// <summary>What is in files that others published, to the row.</summary>
public sealed class RealFilesTests
{
    private static readonly CancellationToken Cancellation = TestContext.Current.CancellationToken;

    [RealPreferencesFact]
    public async Task Of_2312_harmless_dialogues_2303_are_preferences_5_have_unequal_prompts_and_4_an_empty_side()
    {
        await using var file = File.OpenRead(RealPreferences.Path("hh-harmless-base-test.jsonl.gz"));
        var readings = await new HhRlhf().ReadAsync(file, RecordKind.JsonLines, Cancellation).ToListAsync(Cancellation);

        readings.Count.ShouldBe(2312);
        readings.Sum(r => r.Reading.Rows.Count).ShouldBe(2303);
        readings.Where(r => r.Reading.Refusal is not null).Select(r => (r.Line, r.Reading.Refusal)).ShouldBe(
        [
            (87, "The last turn of a transcript is empty."),
            (517, "The last turn of a transcript is empty."),
            (926, "The last turn of a transcript is empty."),
            (1104, "The last turn of a transcript is empty."),
            (1255, "The two transcripts have unequal prompts."),
            (1689, "The two transcripts have unequal prompts."),
            (1951, "The two transcripts have unequal prompts."),
            (1953, "The two transcripts have unequal prompts."),
            (2037, "The two transcripts have unequal prompts."),
        ]);
    }

    [RealPreferencesFact]
    public async Task Harmless_dialogues_are_written_back_as_they_were_read()
    {
        await using var file = File.OpenRead(RealPreferences.Path("hh-harmless-base-test.jsonl.gz"));
        await using var packed = new System.IO.Compression.GZipStream(file, System.IO.Compression.CompressionMode.Decompress);
        using var reader = new StreamReader(packed);
        var hh = new HhRlhf();
        while (await reader.ReadLineAsync(Cancellation) is { } line)
        {
            if (hh.Read(line).Rows is [var row])
            {
                JsonNode.DeepEquals(JsonNode.Parse(hh.Write(row).Single()), JsonNode.Parse(line)).ShouldBeTrue(line);
            }
        }
    }

    [RealPreferencesFact]
    public async Task OpenAssistants_100_trees_hold_212_ranked_sets_which_are_754_pairs()
    {
        await using var file = File.OpenRead(RealPreferences.Path("oasst_en_100_tree.jsonl"));
        var readings = await new OpenAssistantTrees().ReadAsync(file, RecordKind.JsonLines, Cancellation).ToListAsync(Cancellation);

        readings.Count.ShouldBe(100);
        readings.ShouldAllBe(r => r.Reading.Refusal == null);
        var rows = readings.SelectMany(r => r.Reading.Rows).ToList();
        rows.Count.ShouldBe(212);
        rows.Sum(row => row.Ranking!.Pairs().Count()).ShouldBe(754);
        rows.SelectMany(new Trl().Write).Count().ShouldBe(754);
    }

    /// <summary>All thirteen: four are preferences; nine are something else, and each is refused by its name.</summary>
    [RealPreferencesFact]
    public async Task Every_shape_of_TRLs_datasets_is_read_or_refused_by_name()
    {
        var shapes = JsonNode.Parse(await File.ReadAllTextAsync(RealPreferences.Path("trl_zen_formats.json"), Cancellation))!.AsObject();
        var found = new Dictionary<string, (int Rows, string? Refusal)>();
        foreach (var (name, columns) in shapes)
        {
            using var lines = new MemoryStream(Encoding.UTF8.GetBytes(Lines(columns!.AsObject())));
            var readings = await new Trl().ReadAsync(lines, RecordKind.JsonLines, Cancellation).ToListAsync(Cancellation);
            readings.Count.ShouldBe(19, name);
            found.Add(name, (readings.Sum(r => r.Reading.Rows.Count), readings.Select(r => r.Reading.Refusal).Distinct().Single()));
        }

        found.Count.ShouldBe(13);
        found.Where(shape => shape.Value.Rows == 19).Select(shape => shape.Key).ShouldBe(
        [
            "standard_preference_dataset", "standard_implicit_prompt_preference_dataset",
            "conversational_preference_dataset", "conversational_implicit_prompt_preference_dataset",
        ]);
        foreach (var (name, (_, refusal)) in found.Where(shape => shape.Value.Rows == 0))
        {
            refusal!.ShouldContain(name switch
            {
                _ when name.Contains("unpaired", StringComparison.Ordinal) => "unpaired preference",
                _ when name.Contains("stepwise", StringComparison.Ordinal) => "stepwise supervision",
                _ when name.Contains("prompt_completion", StringComparison.Ordinal) => "prompt-completion",
                _ when name.Contains("prompt_only", StringComparison.Ordinal) => "prompt-only",
                _ => "language modelling",
            }, customMessage: name);
        }
    }

    /// <summary>What the two shapes of one preference have in common.</summary>
    [RealPreferencesFact]
    public async Task An_implicit_prompt_is_found_where_the_explicit_shape_has_it()
    {
        var shapes = JsonNode.Parse(await File.ReadAllTextAsync(RealPreferences.Path("trl_zen_formats.json"), Cancellation))!.AsObject();
        foreach (var kind in (string[])["standard", "conversational"])
        {
            List<DatasetRow> Read(string shape) => [.. Lines(shapes[$"{kind}_{shape}_dataset"]!.AsObject()).Split('\n').SelectMany(line => new Trl().Read(line).Rows)];
            var rows = Read("preference").Zip(Read("implicit_prompt_preference")).ToList();
            rows.Count.ShouldBe(19);
            foreach (var (@explicit, @implicit) in rows)
            {
                // Where a chosen and a rejected text begin with the same words, those count to the prompt too.
                (@implicit.Prompt.AsTextWith(@implicit.Completions[0].Text)).ShouldBe(@explicit.Prompt.AsTextWith(@explicit.Completions[0].Text));
            }
        }
    }

    /// <summary>A table by columns as JSONL.</summary>
    private static string Lines(JsonObject columns) => string.Join('\n', Enumerable.Range(0, columns.First().Value!.AsArray().Count)
        .Select(i => new JsonObject(columns.Select(column => KeyValuePair.Create(column.Key, column.Value![i]?.DeepClone()))).ToJsonString()));
}

file static class Sides
{
    public static string AsTextWith(this TextOrMessages prompt, string completion) =>
        prompt.Text is { } text ? text + completion : string.Join("\n", prompt.Messages!.Select(m => m.Content)) + "\n" + completion;
}

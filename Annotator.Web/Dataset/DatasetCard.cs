using System.Globalization;
using System.Text;
using System.Text.Json;
using Annotator.Web.Data;

namespace Annotator.Web.Dataset;

/// <summary>What a dataset card tells.</summary>
public sealed record DatasetCardFacts
{
    public required Study Study { get; init; }
    public required DatasetFile File { get; init; }
    public required long Lines { get; init; }
    public required string Sha256 { get; init; }
    public required DatasetCounts Counts { get; init; }
    public required int Annotators { get; init; }
    public required IReadOnlyList<Policy> Policies { get; init; }
    public required IReadOnlyList<Import> Imports { get; init; }
    public required DateTime At { get; init; }
}

/// <summary>The <c>README.md</c> that goes with an export: Markdown with the heading that Hugging Face reads. Pure.</summary>
public static class DatasetCard
{
    public static string Text(DatasetCardFacts facts)
    {
        ArgumentNullException.ThrowIfNull(facts);
        var (study, file) = (facts.Study, facts.File);
        var text = new StringBuilder();
        // A name may hold anything, and JSON is YAML.
        text.Append(CultureInfo.InvariantCulture, $"""
            ---
            pretty_name: {JsonSerializer.Serialize(study.Name)}
            tags: [human-feedback, preference, dpo]
            configs:
            - config_name: default
              data_files: {file.Name}
            ---

            # {OneLine(study.Name)}: `{file.Format}`

            {(study.IsDemo
                ? "**A demonstration: simulated annotators made every judgment in this file (a sentiment scorer with noise), no person made any.** Their preferences among responses of language models, exported"
                : "What people preferred among responses of language models, exported")} by Annotator on {facts.At:yyyy-MM-dd} at {facts.At:HH:mm} UTC.

            | | |
            |---|---|
            | file | `{file.Name}` |
            | {(file.Ending == "jsonl" ? "lines" : "rows")} | {facts.Lines:N0} |
            | SHA-256 | `{facts.Sha256}` |
            | judgments ever made, revisions and undos among them | {facts.Counts.LogLines:N0} |
            | current judgments that state a preference | {facts.Counts.Current.Preferences:N0} |
            | annotators | {facts.Annotators:N0} |

            `sha256sum -c SHA256SUMS` checks the file.

            ## Fields

            {Fields(file)}

            ## What it was made from

            People appear by pseudonyms only. Comments and edited texts are in their own words: read them before you publish.
            The studio knows no licence for the prompts and responses; whoever publishes them must.
            """);
        text.Append('\n');
        if (facts.Counts.Current.LeftOut.Values.Sum() > 0)
        {
            text.Append("\nCurrent judgments that state no preference to learn from:\n\n");
            foreach (var (why, count) in facts.Counts.Current.LeftOut.Where(entry => entry.Value > 0).OrderByDescending(entry => entry.Value))
            {
                text.Append(CultureInfo.InvariantCulture, $"- {count:N0}: {Words(why.ToString())}\n");
            }
        }

        if (facts.Policies.Count > 0)
        {
            text.Append("\nPolicies, by the SHA-256 of their files:\n\n");
            foreach (var policy in facts.Policies)
            {
                text.Append(CultureInfo.InvariantCulture, $"- policy {policy.Number}: `{policy.Hash}`\n");
            }
        }

        if (facts.Imports.Count > 0)
        {
            text.Append("\nImported judgments:\n\n");
            foreach (var import in facts.Imports)
            {
                text.Append(CultureInfo.InvariantCulture, $"- {import.JudgmentCount:N0} from `{OneLine(import.FileName).Replace('`', '\'')}` (`{import.Format}`, SHA-256 `{import.Sha256}`) on {import.CreatedAt:yyyy-MM-dd}\n");
            }
        }

        text.Append(CultureInfo.InvariantCulture, $"\n## Guidelines, version {study.GuidelinesVersion}\n\n");
        return text.Append(study.Guidelines.Trim()).Append('\n').ToString();
    }

    private static string Fields(DatasetFile file) => file.Format switch
    {
        "trl" => "`prompt`, `chosen`, `rejected`: texts, or lists of `{role, content}` of which chosen and rejected hold the assistant's turn. `margin`: how much better, 1 slightly, 2 better, 3 much better, where annotators were asked, or what an imported file said. `chosen_author`, `rejected_author`: `person` where an annotator wrote the text (JSONL only). A ranking of several is all the pairs that it implies; ties are no pairs.",
        "ranking" => "`id`: comparison and judgment. `prompt`, and `prompt_token_ids` as the policy saw them. `completions`: `text`, `token_ids` as sampled, `policy` by its hash, or `author`. `ranking`: tiers of indices into the completions, best first; one tier of several is a tie. `split`: the part of a round's data, `train` or `eval`.",
        "log" => "Every judgment as it was made: `id`, `comparison`, `annotator` (a pseudonym), `created_at`, `origin`, `verdict`, `ranking` (tiers of response positions, best first), `strength`, `skip_reason`, `comment`, `reasons`, `flags`, `sides_shown`, `seconds`, `guidelines_version`, `supersedes`, `superseded_by`, the `prompt`, and the `responses` with all that is needed to sample them again. In tables, what has several parts is JSON.",
        "hh-rlhf" => "`chosen`, `rejected`: whole transcripts with turns headed `Human:` and `Assistant:`.",
        "openai-comparisons" => "`info` (the prompt as `post`), two `summaries` in the order in which they stand in the studio, `choice` (0 or 1), `worker` (a pseudonym), `batch` (the day), `split`.",
        "ultrafeedback-binarized" => "`prompt`, `prompt_id` (SHA-256 of the prompt), `chosen`, `rejected` and `messages` as whole conversations. `score_rejected` is 0; `score_chosen` is the annotator's strength, or 1 where none was asked: the scores only say which is better.",
        _ => "`question_id` (comparison and judgment), `model_a`, `model_b`, `winner` (`model_a`, `model_b`, `tie`, `tie (bothbad)`), `judge` (a pseudonym), the two conversations, `turn`, `language` (not known), `tstamp` (seconds since 1970). A ranking is a battle for each two of its responses.",
    };

    private static string Words(string name) => string.Concat(name.Select((c, i) => char.IsUpper(c) && i > 0 ? $" {char.ToLowerInvariant(c)}" : $"{char.ToLowerInvariant(c)}"));

    private static string OneLine(string text) => text.ReplaceLineEndings(" ");
}

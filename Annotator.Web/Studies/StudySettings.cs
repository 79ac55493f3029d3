using System.Globalization;
using Annotator.Web.Data;
using Annotator.Web.Languages;
using Microsoft.Extensions.Localization;

namespace Annotator.Web.Studies;

/// <summary>What an admin sets of a study here; when rounds start by themselves is set where rounds are. Equal by value.</summary>
public sealed record StudySettings(string Name, string Guidelines, StudySampling Sampling, StudyTask Task)
{
    public const int MaxNameLength = 80;
    public const int MaxGuidelinesLength = 20_000;
    public const int MostChips = 9;
    public const int MaxChipLength = 40;

    /// <summary>How a new study samples until somebody says otherwise.</summary>
    public static StudySampling NewSampling { get; } = new() { Temperature = 0.9, TopP = 0.95 };

    /// <summary>What <see cref="StudySampling.ChatTemplate"/> may name.</summary>
    public static IReadOnlyList<string> ChatTemplates { get; } = ["plain", "chatml", "llama-3", "zephyr"];

    /// <summary>No longer offered to annotators.</summary>
    public bool IsArchived { get; init; }

    /// <summary>The ids of the people who may judge; null = everybody who is an annotator.</summary>
    public IReadOnlyList<string>? Members { get; init; }

    /// <summary>As it is stored: without white space around, empty reasons and repeated ones.</summary>
    public StudySettings Tidied() => this with
    {
        Name = Name.Trim(),
        Guidelines = Guidelines.ReplaceLineEndings("\n").Trim() + "\n",
        Task = Task with { ReasonChips = [.. Task.ReasonChips.Select(chip => chip.Trim()).Where(chip => chip.Length > 0).Distinct()] },
        Members = Members is null ? null : [.. Members.Distinct().Order(StringComparer.Ordinal)],
    };

    /// <summary>What is wrong with the settings, in a sentence for people; null if nothing is.</summary>
    public string? Fault(IStringLocalizer<Words> words) => true switch
    {
        _ when Name.Trim() is { Length: 0 or > MaxNameLength } => words["The name must have 1 to {0} characters.", MaxNameLength],
        _ when Guidelines.Length > MaxGuidelinesLength => words["The guidelines may have {0} characters at most; they have {1}.", MaxGuidelinesLength, Guidelines.Length],
        _ when Sampling.Temperature is not (> 0 and <= 2) => words["The temperature must be above 0 and at most 2; it is {0}.", Sampling.Temperature.ToString(CultureInfo.InvariantCulture)],
        _ when Sampling.TopP is not (> 0 and <= 1) => words["Top-p must be above 0 and at most 1; it is {0}.", Sampling.TopP.ToString(CultureInfo.InvariantCulture)],
        _ when Sampling.TopK is not (>= 0 and <= 100_000) => words["Top-k must be from 0 (all tokens) to 100,000; it is {0}.", Sampling.TopK],
        _ when Sampling.MaxTokens is not (>= 1 and <= 1024) => words["The longest response must be from 1 to 1,024 tokens; it is {0}.", Sampling.MaxTokens],
        _ when Sampling.ChatTemplate is { } template && !ChatTemplates.Contains(template) => words["There is no chat template {0}; there are {1}.", template, string.Join(", ", ChatTemplates)],
        _ when Members is { Count: 0 } => words["Choose at least one person who may judge, or let everybody judge."],
        _ => Fault(Task, words),
    };

    private static string? Fault(StudyTask task, IStringLocalizer<Words> words) => true switch
    {
        _ when task is { Kind: TaskKind.Pairwise, ResponsesPerComparison: not 2 } => words["A pair has two responses; it is set to {0}.", task.ResponsesPerComparison],
        _ when task.Kind == TaskKind.Ranking && task.ResponsesPerComparison is not (>= 3 and <= StudyTask.MostResponses) =>
            words["A ranking has 3 to {0} responses; it is set to {1}.", StudyTask.MostResponses, task.ResponsesPerComparison],
        _ when task is { Kind: TaskKind.Ranking, AsksStrength: true } => words["Strength is asked of pairs only: a ranking says more by its order."],
        _ when task.ReasonChips.Count > MostChips => words["There may be {0} reasons at most, one for each digit key; there are {1}.", MostChips, task.ReasonChips.Count],
        _ when task.ReasonChips.FirstOrDefault(chip => chip.Length > MaxChipLength) is { } chip => words["A reason may have {0} characters at most; this one has {1}: {2}", MaxChipLength, chip.Length, chip],
        _ when task is { RequiresReason: true, ReasonChips.Count: 0 } => words["A reason is required, but there is none to choose: add some, or do not require one."],
        _ when task.Overlap is not (>= 1 and <= 50) => words["The judgments for each comparison must be from 1 to 50; they are set to {0}.", task.Overlap],
        _ when task.GoldRate is not (>= 0 and <= 0.5) => words["The share of gold comparisons must be from 0 to one half."],
        _ when task.RepeatRate is not (>= 0 and <= 0.5) => words["The share of repeats must be from 0 to one half."],
        _ when task.DailyTarget is <= 0 => words["The target for a day must be at least 1; leave it empty for none."],
        _ => (string?)null,
    };

    /// <summary>What another version of the settings would change, in words for the audit.</summary>
    internal IEnumerable<string> Changes(StudySettings after)
    {
        if (Name != after.Name)
        {
            yield return $"name (was {Name})";
        }

        if (Guidelines != after.Guidelines)
        {
            yield return "guidelines";
        }

        if (Sampling != after.Sampling)
        {
            yield return string.Create(CultureInfo.InvariantCulture,
                $"sampling (temperature {after.Sampling.Temperature}, top-p {after.Sampling.TopP}, top-k {after.Sampling.TopK}, at most {after.Sampling.MaxTokens} tokens, chat template {after.Sampling.ChatTemplate ?? "as the policy says"})");
        }

        if (Task != after.Task)
        {
            var task = after.Task;
            yield return string.Create(CultureInfo.InvariantCulture,
                $"task ({(task.Kind == TaskKind.Pairwise ? "pairs" : $"rankings of {task.ResponsesPerComparison}")}, {task.Overlap} {(task.Overlap == 1 ? "judgment" : "judgments")} each, gold {task.GoldRate:P0}, repeats {task.RepeatRate:P0}, {(task.DailyTarget is { } target ? $"{target} a day" : "no target")})");
        }

        if (!SameMembers(after))
        {
            yield return after.Members is { } members ? string.Create(CultureInfo.InvariantCulture, $"who may judge ({members.Count} chosen {(members.Count == 1 ? "person" : "people")})") : "who may judge (everybody who is an annotator)";
        }

        if (IsArchived != after.IsArchived)
        {
            yield return after.IsArchived ? "archived" : "offered to annotators again";
        }
    }

    private (string, string, StudySampling, StudyTask, bool) AllButMembers => (Name, Guidelines, Sampling, Task, IsArchived);

    public bool Equals(StudySettings? other) => other is not null && AllButMembers == other.AllButMembers && SameMembers(other);

    public override int GetHashCode() => AllButMembers.GetHashCode();

    private bool SameMembers(StudySettings other) => Members is null ? other.Members is null : other.Members is not null && Members.ToHashSet().SetEquals(other.Members);
}

namespace Annotator.Web.Dataset.Importing;

/// <summary>Lines of a file that share a fate: how many, and the first of them.</summary>
public sealed record LineGroup(string Reason, int Count, IReadOnlyList<int> FirstLines)
{
    public const int Named = 10;
}

/// <summary>What reading a file gave, whether it was stored or only looked at.</summary>
public sealed record ImportReport
{
    /// <summary>Records in the file, empty lines aside.</summary>
    public required int Records { get; init; }

    /// <summary>Judgments that are taken (a record may hold several).</summary>
    public required int Judgments { get; init; }

    /// <summary>Of these, how many a round would train on, as far as can be told before.</summary>
    public required int Preferences { get; init; }

    /// <summary>Records that are no judgment, by reason, the most frequent first.</summary>
    public required IReadOnlyList<LineGroup> Refused { get; init; }

    /// <summary>Judgments that stand in the file more than once; they are taken: each may be another person's opinion.</summary>
    public required LineGroup Repeated { get; init; }

    /// <summary>Judgments that the study has already.</summary>
    public required LineGroup Known { get; init; }

    /// <summary>Judgments that do not fit the policy's context; null if that could not be found out.</summary>
    public required LineGroup? TooLong { get; init; }

    /// <summary>Judgments on prompts that are held out in this study: never trained on.</summary>
    public required int HeldOut { get; init; }

    /// <summary>Prompts that the study does not have yet.</summary>
    public required int NewPrompts { get; init; }

    /// <summary>Pseudonyms in the file.</summary>
    public required int Annotators { get; init; }

    /// <summary>Of a log: its ids are free in this study, and kept.</summary>
    public required bool KeepsIds { get; init; }

    /// <summary>Why nothing of the file can be imported; null if it can.</summary>
    public string? Fault { get; init; }

    /// <summary>The first judgments that are taken.</summary>
    public required IReadOnlyList<JudgmentLogLine> First { get; init; }

    public int RefusedRecords => Refused.Sum(group => group.Count);
}

/// <summary>Collects lines by reason.</summary>
internal sealed class LineGroups
{
    private readonly Dictionary<string, (int Count, List<int> First)> groups = new(StringComparer.Ordinal);

    public void Add(string reason, int line)
    {
        var group = groups.GetValueOrDefault(reason, (0, []));
        if (group.First.Count < LineGroup.Named)
        {
            group.First.Add(line);
        }

        groups[reason] = (group.Count + 1, group.First);
    }

    public LineGroup Of(string reason) => groups.TryGetValue(reason, out var group) ? new(reason, group.Count, group.First) : new(reason, 0, []);

    public IReadOnlyList<LineGroup> All => [.. groups.Select(group => new LineGroup(group.Key, group.Value.Count, group.Value.First)).OrderByDescending(group => group.Count)];
}

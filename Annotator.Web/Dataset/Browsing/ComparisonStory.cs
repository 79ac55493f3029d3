using Annotator.Model.Preferences;
using Annotator.Web.Data;

namespace Annotator.Web.Dataset.Browsing;

/// <summary>All that is known of a comparison.</summary>
public sealed record ComparisonStory
{
    public required long Id { get; init; }
    public required long StudyId { get; init; }
    public required ComparisonPurpose Purpose { get; init; }
    public required ComparisonAgreement Agreement { get; init; }

    /// <summary>The policy whose arrival asked for it, by number.</summary>
    public required int Policy { get; init; }
    public required long PromptId { get; init; }
    public required string Prompt { get; init; }

    /// <summary>The prompt's turns; null for plain text.</summary>
    public required IReadOnlyList<ChatMessage>? Messages { get; init; }
    public required PromptSplit Split { get; init; }

    /// <summary>The right answer of a gold comparison.</summary>
    public required int[][]? GoldRanking { get; init; }

    /// <summary>The file that brought it; null if it was made here.</summary>
    public required string? ImportedFrom { get; init; }

    /// <summary>By position.</summary>
    public required IReadOnlyList<ToldResponse> Responses { get; init; }

    /// <summary>Every one that was ever made, in that order.</summary>
    public required IReadOnlyList<ToldJudgment> Judgments { get; init; }

    /// <summary>The rounds whose snapshot it is in.</summary>
    public required IReadOnlyList<RoundThatTook> Rounds { get; init; }
    public required DateTime CreatedAt { get; init; }

    /// <summary>The decision that stands; null if there is none.</summary>
    public ToldJudgment? Decision => Judgments.FirstOrDefault(judgment => judgment is { Origin: JudgmentOrigin.Adjudication, Stands: true });

    /// <summary>Annotators disagree about it, or an admin has decided.</summary>
    public bool CanBeDecided => Purpose == ComparisonPurpose.Train && Agreement is ComparisonAgreement.Contested or ComparisonAgreement.Adjudicated;
}

/// <summary>A response of a <see cref="ComparisonStory"/>.</summary>
/// <param name="Policy">Its policy's number; null if a person wrote it, or a policy that is none of the study's.</param>
/// <param name="Source">What an imported file calls the policy that wrote it.</param>
/// <param name="Author">Who wrote it, as the reader may know them; null if a policy did.</param>
/// <param name="Tokens">How many were sampled, if that is known.</param>
/// <param name="LogProbability">In nats, at temperature 1.</param>
public sealed record ToldResponse(
    long Id, int Position, string Text, int? Policy, string? Source, string? Author, int? Tokens, double? LogProbability, StudySampling Sampling, long Seed, string FinishReason);

/// <summary>A judgment of a <see cref="ComparisonStory"/>.</summary>
public sealed record ToldJudgment
{
    public required long Id { get; init; }

    /// <summary>The user name for admins, the pseudonym for everybody else.</summary>
    public required string Who { get; init; }
    public required JudgmentOrigin Origin { get; init; }
    public required Verdict Verdict { get; init; }
    public required int[][]? Ranking { get; init; }
    public required int? Strength { get; init; }
    public required SkipReason? SkipReason { get; init; }
    public required string? Comment { get; init; }
    public required IReadOnlyList<string> Reasons { get; init; }

    /// <summary>By position; null if nothing was flagged.</summary>
    public required ResponseFaults[]? Flags { get; init; }
    public required bool? GoldCorrect { get; init; }

    /// <summary>The positions as they stood on screen, from left to right.</summary>
    public required int[] SidesShown { get; init; }
    public required double Seconds { get; init; }
    public required int GuidelinesVersion { get; init; }

    /// <summary>The earlier judgment that it replaces or withdraws.</summary>
    public required long? Supersedes { get; init; }
    public required bool IsSuperseded { get; init; }
    public required DateTime At { get; init; }

    /// <summary>It is the person's current answer.</summary>
    public bool Stands => !IsSuperseded && Verdict != Verdict.Withdrawn;
}

/// <summary>A round that took a judgment: to train on, or only to measure itself by.</summary>
public sealed record RoundThatTook(int Round, long JudgmentId, PreferenceSplit Split);

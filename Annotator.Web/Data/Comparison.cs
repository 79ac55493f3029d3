namespace Annotator.Web.Data;

/// <summary>A prompt with the responses that are put before people together.</summary>
public sealed class Comparison
{
    public long Id { get; set; }
    public long StudyId { get; set; }
    public Study? Study { get; set; }
    public long PromptId { get; set; }
    public Prompt? Prompt { get; set; }

    /// <summary>The policy whose arrival asked for this comparison; its responses' own policies may differ in an evaluation.</summary>
    public long PolicyId { get; set; }
    public Policy? Policy { get; set; }

    public ComparisonPurpose Purpose { get; set; }

    /// <summary>In the order of <see cref="ComparisonResponse.Position"/>; rankings speak of these positions.</summary>
    public List<ComparisonResponse> Responses { get; } = [];

    /// <summary>Where it stands in the queue, smallest first: <see cref="Data.QueueOrder.Of"/>.</summary>
    public required long QueueOrder { get; set; }

    /// <summary>Annotators whose current judgment stands (not withdrawn; repeats aside); kept in the same transaction as the judgment.</summary>
    public int JudgmentCount { get; set; }

    /// <summary>The newest judgment of it that stands, by which lists are ordered; null = nobody has judged it. Kept by the database context.</summary>
    public long? LastJudgmentId { get; set; }

    /// <summary>Whether its annotators agree. Kept by the database context.</summary>
    public ComparisonAgreement Agreement { get; set; }

    /// <summary>
    /// How many more annotators may take it: the study's overlap, less standing judgments, less leases. Kept in the same
    /// transaction as these, so that the queue reads one index. Below 0 if the overlap was lowered since.
    /// </summary>
    public int OpenPlaces { get; set; } = 1;

    /// <summary>The right answer: tiers of positions, best first. Null unless <see cref="ComparisonPurpose.Gold"/>.</summary>
    public int[][]? GoldRanking { get; set; }

    /// <summary>Taken out of the stock because another policy came to serve before anybody judged it, or never in it because it was imported.</summary>
    public DateTime? RetiredAt { get; set; }

    /// <summary>The import that brought it.</summary>
    public long? ImportId { get; set; }

    public required DateTime CreatedAt { get; set; }
}

/// <summary>Whether those who judged a comparison said the same (skips and repeats aside).</summary>
public enum ComparisonAgreement
{
    /// <summary>Fewer than two have answered it.</summary>
    Unknown = 0,
    Agreed = 1,

    /// <summary>At least two answers differ.</summary>
    Contested = 2,

    /// <summary>An admin's decision stands: <see cref="JudgmentOrigin.Adjudication"/>.</summary>
    Adjudicated = 3,
}

/// <summary>What a comparison is for.</summary>
public enum ComparisonPurpose
{
    Train = 0,

    /// <summary>Blind old policy against new.</summary>
    Evaluation = 1,

    /// <summary>The right answer is known. Everybody may get it, once; never trained on.</summary>
    Gold = 2,

    /// <summary>
    /// Made by an annotator who edited a response: the original at position 0, the edited one at position 1, judged
    /// <c>[[1],[0]]</c> by its author. Trained on, handed out to nobody.
    /// </summary>
    Edit = 3,
}

/// <summary>One response's place in a comparison.</summary>
public sealed class ComparisonResponse
{
    public long ComparisonId { get; set; }
    public required int Position { get; set; }
    public long ResponseId { get; set; }
    public Response? Response { get; set; }
}

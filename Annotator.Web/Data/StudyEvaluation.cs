namespace Annotator.Web.Data;

/// <summary>How a study finds out whether its policies get better (a complex type, columns of the study's row).</summary>
public sealed record StudyEvaluation
{
    /// <summary>The share of comparisons handed out that put two policies beside each other, blind, on held-out prompts.</summary>
    public double Share { get; init; }

    public EvaluationPair Pair { get; init; }

    /// <summary>The numbers of the two policies; null unless <see cref="EvaluationPair.Chosen"/>.</summary>
    public int? New { get; init; }

    /// <inheritdoc cref="New"/>
    public int? Old { get; init; }

    /// <summary>
    /// The gate: a round's result serves only once the lower end of the 95% interval of its win rate over the serving policy
    /// is above this mark (0 to 1). Null = no gate, a round's result serves at once.
    /// </summary>
    public double? GateWinRate { get; init; }

    /// <summary>The gate's other condition: <c>objective/kl</c> of the round is below this, in nats. Null = any.</summary>
    public double? GateKl { get; init; }

    public bool HasGate => GateWinRate is not null;
}

/// <summary>Which two policies are compared. While one waits for the gate, it is that one and the serving one whatever this says.</summary>
public enum EvaluationPair
{
    /// <summary>The serving policy and the one it was trained from.</summary>
    Previous = 0,

    /// <summary>The serving policy and policy 0.</summary>
    Sft = 1,

    /// <summary>Two that the admin names.</summary>
    Chosen = 2,
}

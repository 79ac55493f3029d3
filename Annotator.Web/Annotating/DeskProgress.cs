namespace Annotator.Web.Annotating;

/// <summary>What an annotator has done in a study, and what came of it.</summary>
/// <param name="Target">Judgments a day that the study asks for; null = no target.</param>
/// <param name="Gold">Own agreement with gold comparisons, by first answers; null if the study does not show it or none was answered.</param>
/// <param name="Impact">Null until there is enough to say.</param>
public sealed record DeskProgress(DeskCounts Counts, int? Target, GoldAgreement? Gold, RoundImpact? Impact);

/// <summary>"You agreed with <paramref name="Agreed"/> of <paramref name="Answered"/>."</summary>
public sealed record GoldAgreement(int Agreed, int Answered);

/// <summary>
/// "Your judgments are in round 3: policy 3 is preferred over policy 2 in 61% (52–69%) of blind comparisons." A tie counts half.
/// </summary>
/// <param name="Round">The newest successful round that saw judgments of the annotator.</param>
/// <param name="Policy">The number of the policy it made.</param>
/// <param name="Over">The number of the policy it started from.</param>
/// <param name="Share">0 to 1.</param>
/// <param name="Low">The lower end of the 95% Wilson interval.</param>
/// <param name="High">Its upper end.</param>
/// <param name="Judgments">How many judgments say so.</param>
public sealed record RoundImpact(int Round, int Policy, int Over, double Share, double Low, double High, int Judgments);

using Annotator.Model.Evaluation;
using Annotator.Web.Data;

namespace Annotator.Web.People.Work;

/// <summary>One person's current answer on a comparison, as far as figures need it.</summary>
/// <param name="SidesKnown">Somebody saw the responses in the order of <paramref name="SidesShown"/>; of preferences from other tools nobody knows.</param>
public sealed record WorkAnswer(string AnnotatorId, Verdict Verdict, int[][]? Ranking, int[] SidesShown, double Seconds, DateTime At, bool IsRepeat = false, bool SidesKnown = true);

/// <summary>
/// Counts what people's answers say of their work, comparison by comparison. Pure. What is compared between people is an
/// answer on two responses: the first is better, the second, a tie, both bad; a ranking is as many of these as it has pairs.
/// </summary>
/// <remarks>
/// Label noise is estimated as in the literature on preference data: if each of two people says the opposite of the better one
/// with chance ε, they agree with chance a = (1 − ε)² + ε², so ε = (1 − √(2a − 1)) / 2; of one person against others of
/// known ε, a = (1 − εᵢ)(1 − ε) + εᵢ·ε. Agreement of 65% is a noise of 23%.
/// </remarks>
public sealed class WorkCount
{
    private const int FewestForNoise = 20;
    private const int FewestOfPart = 25;
    private const int MostParts = 24;
    private const int MostPairs = 12;

    /// <summary>Of a comparison that so many have judged (a gold one, say) it is not counted two by two.</summary>
    private const int MostForPairs = 40;
    private const byte FirstBetter = 0, SecondBetter = 1, Tie = 2, BothBad = 3, None = 255;

    private readonly Dictionary<string, Tally> people = [];
    private readonly List<(DateTime Until, int Comparison, byte[] Values)> units = [];
    private readonly Dictionary<(Tally, Tally), int[]> together = [];
    private int judgments, judgedTwice;
    private long strictSame, strictPairs;

    /// <summary>One more comparison with all current answers on it.</summary>
    public void Add(IReadOnlyCollection<WorkAnswer> answers)
    {
        var given = answers.Where(answer => !answer.IsRepeat).Select(answer => (Answer: answer, Person: Of(answer.AnnotatorId), Values: Values(answer))).ToList();
        foreach (var (answer, person, _) in given)
        {
            judgments++;
            person.Count(answer);
        }

        foreach (var repeat in answers.Where(answer => answer.IsRepeat))
        {
            var again = Values(repeat);
            foreach (var (_, person, values) in given.Where(one => one.Answer.AnnotatorId == repeat.AnnotatorId))
            {
                foreach (var (first, second) in values.Zip(again).Where(pair => pair.First != None && pair.Second != None))
                {
                    person.Asked++;
                    person.SaidAgain += first == second ? 1 : 0;
                }
            }
        }

        var answered = given.Where(one => one.Values.Length > 0).ToList();
        if (answered.Count < 2)
        {
            return;
        }

        judgedTwice++;
        var until = answered.Max(one => one.Answer.At);
        foreach (var pair in Enumerable.Range(0, answered.Max(one => one.Values.Length)))
        {
            AddUnit(until, [.. answered.Where(one => pair < one.Values.Length && one.Values[pair] != None).Select(one => (one.Person, one.Values[pair]))]);
        }
    }

    /// <summary>First answers on gold comparisons.</summary>
    public void AddGold(string annotatorId, int correct, int answered) => (Of(annotatorId).GoldCorrect, Of(annotatorId).GoldAnswered) = (correct, answered);

    public StudyWork Result()
    {
        units.Sort((a, b) => (a.Until, a.Comparison).CompareTo((b.Until, b.Comparison)));
        var noise = strictPairs < FewestForNoise ? Figure.None(WhyNoFigure.TooFew, (int)strictPairs) : Noise((double)strictSame / strictPairs, (int)strictPairs);
        return new()
        {
            Judgments = judgments,
            JudgedTwice = judgedTwice,
            Alpha = Alpha(units),
            AlphaOverTime = [.. Parts()],
            Fleiss = Fleiss(),
            LabelNoise = noise,
            People = [.. people.Select(one => one.Value.Result(one.Key, noise)).OrderByDescending(person => person.Judgments).ThenBy(person => person.AnnotatorId, StringComparer.Ordinal)],
            Pairs = [.. together.OrderByDescending(pair => pair.Value.Sum()).Take(MostPairs).Select(pair => new PairWork(pair.Key.Item1.AnnotatorId, pair.Key.Item2.AnnotatorId, Kappa(pair.Value)))],
        };
    }

    private Tally Of(string annotatorId)
    {
        if (!people.TryGetValue(annotatorId, out var tally))
        {
            people.Add(annotatorId, tally = new(annotatorId));
        }

        return tally;
    }

    private void AddUnit(DateTime until, List<(Tally Person, byte Value)> said)
    {
        if (said.Count < 2)
        {
            return;
        }

        units.Add((until, judgedTwice, [.. said.Select(one => one.Value)]));
        Span<int> counts = stackalloc int[4];
        foreach (var (_, value) in said)
        {
            counts[value]++;
        }

        foreach (var (person, value) in said)
        {
            counts[value]--;
            var most = Math.Max(Math.Max(counts[0], counts[1]), Math.Max(counts[2], counts[3]));
            if (counts.Count(most) == 1)
            {
                person.MajorityAsked++;
                person.WithMajority += counts[value] == most ? 1 : 0;
            }

            if (value is FirstBetter or SecondBetter)
            {
                var (same, all) = (counts[value], counts[FirstBetter] + counts[SecondBetter]);
                person.StrictSame += same;
                person.StrictPairs += all;
                strictSame += same;
                strictPairs += all;
            }

            counts[value]++;
        }

        if (said.Count <= MostForPairs)
        {
            AddTogether(said);
        }
    }

    private void AddTogether(List<(Tally Person, byte Value)> said)
    {
        foreach (var (i, first) in said.Index())
        {
            foreach (var second in said.Skip(i + 1))
            {
                var (a, b) = string.CompareOrdinal(first.Person.AnnotatorId, second.Person.AnnotatorId) < 0 ? (first, second) : (second, first);
                if (!together.TryGetValue((a.Person, b.Person), out var table))
                {
                    together.Add((a.Person, b.Person), table = new int[16]);
                }

                table[(a.Value * 4) + b.Value]++;
            }
        }
    }

    private static Figure Alpha(List<(DateTime, int, byte[] Values)> units)
    {
        if (units.Count == 0)
        {
            return Figure.None(WhyNoFigure.NothingJudgedTwice);
        }

        return Agreement.KrippendorffNominal<byte>(units.Select(unit => unit.Values)).Alpha is { } alpha ? new(alpha, units.Count) : Figure.None(WhyNoFigure.OneAnswerThroughout, units.Count);
    }

    private IEnumerable<AlphaOfPart> Parts()
    {
        var parts = Math.Min(MostParts, units.Count / FewestOfPart);
        for (var (part, from) = (1, 0); part <= parts; part++)
        {
            var to = (int)((long)units.Count * part / parts);
            yield return new(to, units[to - 1].Until, Alpha(units[from..to]));
            from = to;
        }
    }

    private Figure Fleiss()
    {
        if (units.Count == 0)
        {
            return Figure.None(WhyNoFigure.NothingJudgedTwice);
        }

        if (units.Exists(unit => unit.Values.Length != units[0].Values.Length))
        {
            return Figure.None(WhyNoFigure.UnequalNumbers, units.Count);
        }

        return Agreement.Fleiss<byte>([.. units.Select(unit => unit.Values)]) is { } kappa ? new(kappa, units.Count) : Figure.None(WhyNoFigure.OneAnswerThroughout, units.Count);
    }

    private static Figure Kappa(int[] table)
    {
        var pairs = table.Index().SelectMany(cell => Enumerable.Repeat((cell.Index / 4, cell.Index % 4), cell.Item)).ToList();
        return Agreement.Cohen(pairs) is { } kappa ? new(kappa, pairs.Count) : Figure.None(WhyNoFigure.OneAnswerThroughout, pairs.Count);
    }

    private static Figure Noise(double agreement, int count) =>
        agreement > 0.5 ? new((1 - Math.Sqrt((2 * agreement) - 1)) / 2, count) : Figure.None(WhyNoFigure.NoBetterThanChance, count);

    /// <summary>The answer on each pair of positions, (0,1), (0,2), … (1,2) …; empty if it says nothing of any.</summary>
    private static byte[] Values(WorkAnswer answer)
    {
        var count = answer.SidesShown.Length;
        if (answer.Verdict == Verdict.BothBad)
        {
            return [BothBad];
        }

        if (answer is not { Verdict: Verdict.Ranked, Ranking: { } ranking })
        {
            return [];
        }

        Span<int> tiers = stackalloc int[Math.Max(count, ranking.Max(tier => tier.Max()) + 1)];
        tiers.Fill(-1);
        foreach (var (place, tier) in ranking.Index())
        {
            foreach (var position in tier)
            {
                tiers[position] = place;
            }
        }

        var values = new byte[count * (count - 1) / 2];
        for (var (i, next) = (0, 0); i < count; i++)
        {
            for (var j = i + 1; j < count; j++)
            {
                values[next++] = tiers[i] < 0 || tiers[j] < 0 ? None : tiers[i] < tiers[j] ? FirstBetter : tiers[i] > tiers[j] ? SecondBetter : Tie;
            }
        }

        return values;
    }

    /// <summary>What one person has come to.</summary>
    private sealed class Tally(string annotatorId)
    {
        private readonly List<float> seconds = [];
        private readonly int[] speed = new int[PersonWork.SpeedEdges.Count + 1];
        private int judgments, skipped, sided, left;

        public string AnnotatorId => annotatorId;
        public int GoldCorrect { get; set; }
        public int GoldAnswered { get; set; }
        public int Asked { get; set; }
        public int SaidAgain { get; set; }
        public int MajorityAsked { get; set; }
        public int WithMajority { get; set; }
        public long StrictSame { get; set; }
        public long StrictPairs { get; set; }

        public void Count(WorkAnswer answer)
        {
            judgments++;
            skipped += answer.Verdict == Verdict.Skipped ? 1 : 0;
            // An imported judgment may have come without a time.
            if (answer.Seconds > 0)
            {
                seconds.Add((float)answer.Seconds);
                speed[PersonWork.SpeedEdges.TakeWhile(edge => answer.Seconds >= edge).Count()]++;
            }

            // One trial a judgment, be it of two or of eight: those of one ranking would not be independent.
            if (answer is { SidesKnown: true, Verdict: Verdict.Ranked, Ranking: [[var best], .., [var worst]] })
            {
                sided++;
                left += Array.IndexOf(answer.SidesShown, best) < Array.IndexOf(answer.SidesShown, worst) ? 1 : 0;
            }
        }

        public PersonWork Result(string id, Figure noiseOfAll)
        {
            seconds.Sort();
            return new()
            {
                AnnotatorId = id,
                Judgments = judgments,
                Skipped = skipped,
                Majority = MajorityAsked == 0 ? Figure.None(WhyNoFigure.NothingJudgedTwice) : Figure.Share(WithMajority, MajorityAsked),
                Gold = Figure.Share(GoldCorrect, GoldAnswered),
                SelfConsistency = Figure.Share(SaidAgain, Asked),
                PositionBias = Figure.Share(left, sided),
                LabelNoise = Noise(noiseOfAll),
                MedianSeconds = seconds.Count == 0 ? null : (seconds[(seconds.Count - 1) / 2] + seconds[seconds.Count / 2]) / 2.0,
                Speed = speed,
            };
        }

        private Figure Noise(Figure all)
        {
            if (StrictPairs < FewestForNoise)
            {
                return Figure.None(StrictPairs == 0 ? WhyNoFigure.NothingJudgedTwice : WhyNoFigure.TooFew, (int)StrictPairs);
            }

            if (all.Value is not { } noise || noise >= 0.5)
            {
                return Figure.None(all.Why ?? WhyNoFigure.NoBetterThanChance, (int)StrictPairs);
            }

            return new(Math.Clamp((1 - noise - ((double)StrictSame / StrictPairs)) / (1 - (2 * noise)), 0, 1), (int)StrictPairs);
        }
    }
}

namespace Annotator.Model.Evaluation;

/// <summary>A player's place in a Bradley–Terry model: P(a beats b) = σ(strength a − strength b). Strengths have mean zero.</summary>
/// <param name="Name">The player: a policy, say.</param>
/// <param name="LogStrength">r* of eq. 1 up to a constant, in nats.</param>
/// <param name="StandardError">Of it, against the mean of all.</param>
public sealed record Rating(string Name, double LogStrength, double StandardError)
{
    private const double EloOfANat = 173.71779276130073;                                          // 400 / ln 10

    /// <summary>The strength on Elo's scale, mean zero: 400 points are odds of 10 to 1.</summary>
    public double Elo => LogStrength * EloOfANat;

    /// <summary>95% of confidence around <see cref="LogStrength"/>.</summary>
    public ConfidenceInterval Interval => new(LogStrength - WinRate.Z95 * StandardError, LogStrength + WinRate.Z95 * StandardError);

    /// <summary>The chance to win against another of the same fit.</summary>
    public double WinProbability(Rating other) => 1 / (1 + Math.Exp(other.LogStrength - LogStrength));
}

/// <summary>What the comparisons say: ratings, or why there are none.</summary>
/// <param name="Ratings">In the players' order; empty where no estimate exists.</param>
/// <param name="NoEstimate">Why the likelihood has no maximum; null where it has one.</param>
public sealed record BradleyTerryFit(IReadOnlyList<Rating> Ratings, NoRatings? NoEstimate);

/// <summary>Why there are no ratings, and of whom it is so.</summary>
/// <param name="Group">The names of those who stand apart from all others; of fewer than two players, all.</param>
public sealed record NoRatings(WhyNoRatings Why, IReadOnlyList<string> Group);

/// <summary>Why comparisons give no ratings.</summary>
public enum WhyNoRatings
{
    FewerThanTwo,

    /// <summary>The group was never compared with the others: nothing says how they stand to one another.</summary>
    NeverCompared,

    /// <summary>The group never lost to the others: its distance to them has no upper bound.</summary>
    NeverLost,
}

/// <summary>
/// Maximum-likelihood strengths from wins and losses (Bradley and Terry 1952). The maximum exists exactly if every player
/// can be reached from every other along wins (Ford 1957): else the answer is a reason, not a huge number.
/// </summary>
public static class BradleyTerry
{
    private const int MostIterations = 100;

    /// <summary>Fits the model by Newton's method.</summary>
    /// <param name="players">At least two names.</param>
    /// <param name="wins">[a][b] is how often a beat b; ties are left out, or count half to each side.</param>
    /// <param name="pseudoWins">Added to every ordered pair: with 0.5, say, an estimate always exists, drawn towards equal strengths.</param>
    /// <exception cref="ArgumentException">The table is not square, or has a negative number in it.</exception>
    public static BradleyTerryFit Fit(IReadOnlyList<string> players, IReadOnlyList<IReadOnlyList<double>> wins, double pseudoWins = 0)
    {
        var n = players.Count;
        if (wins.Count != n || wins.Any(row => row.Count != n || row.Any(count => !(count >= 0))))
            throw new ArgumentException($"wins must be a table of {n} × {n} numbers ≥ 0.", nameof(wins));
        if (n < 2)
            return new([], new(WhyNoRatings.FewerThanTwo, players));

        var table = new double[n, n];
        for (var a = 0; a < n; a++)
        {
            for (var b = 0; b < n; b++)
                table[a, b] = a == b ? 0 : wins[a][b] + pseudoWins;
        }
        if (WhyNone(players, table) is { } reason)
            return new([], reason);

        var strengths = new double[n];
        var last = LogLikelihood(table, strengths);
        for (var iteration = 0; iteration < MostIterations; iteration++)
        {
            var step = Multiply(Covariance(table, strengths), Gradient(table, strengths));
            var (scale, next) = (1.0, last);
            double[] moved;
            do
            {
                moved = [.. strengths.Zip(step, (strength, change) => strength + scale * change)];
                next = LogLikelihood(table, moved);
                scale /= 2;
            }
            while (next < last - 1e-12 * Math.Abs(last) && scale > 1e-9);                         // a full step can overshoot far from the maximum

            (strengths, last) = (moved, next);
            if (step.Max(Math.Abs) < 1e-12)
                break;
        }

        var covariance = Covariance(table, strengths);
        var mean = strengths.Average();
        return new([.. players.Select((name, a) => new Rating(name, strengths[a] - mean, Math.Sqrt(covariance[a, a])))], null);
    }

    private static double LogLikelihood(double[,] wins, double[] strengths)
    {
        double sum = 0;
        for (var a = 0; a < strengths.Length; a++)
        {
            for (var b = 0; b < strengths.Length; b++)
                sum -= wins[a, b] == 0 ? 0 : wins[a, b] * Math.Log(1 + Math.Exp(strengths[b] - strengths[a]));
        }
        return sum;
    }

    private static double[] Gradient(double[,] wins, double[] strengths)
    {
        var gradient = new double[strengths.Length];
        for (var a = 0; a < strengths.Length; a++)
        {
            for (var b = 0; b < strengths.Length; b++)
                gradient[a] += wins[a, b] - (wins[a, b] + wins[b, a]) / (1 + Math.Exp(strengths[b] - strengths[a]));
        }
        return gradient;
    }

    /// <summary>
    /// The pseudo-inverse of the information matrix, which is the covariance of strengths that sum to zero. The matrix is
    /// a graph's Laplacian L, with only the constants in its kernel: L⁺ = (L + 11ᵀ/n)⁻¹ − 11ᵀ/n.
    /// </summary>
    private static double[,] Covariance(double[,] wins, double[] strengths)
    {
        var n = strengths.Length;
        var information = new double[n, n];
        for (var a = 0; a < n; a++)
        {
            for (var b = 0; b < n; b++)
            {
                information[a, b] += 1.0 / n;
                if (a == b)
                    continue;
                var p = 1 / (1 + Math.Exp(strengths[b] - strengths[a]));
                var weight = (wins[a, b] + wins[b, a]) * p * (1 - p);
                information[a, a] += weight;
                information[a, b] -= weight;
            }
        }

        var inverse = Inverse(information);
        for (var a = 0; a < n; a++)
        {
            for (var b = 0; b < n; b++)
                inverse[a, b] -= 1.0 / n;
        }
        return inverse;
    }

    /// <summary>Of a symmetric positive definite matrix, by Gauss–Jordan elimination; it is overwritten.</summary>
    private static double[,] Inverse(double[,] matrix)
    {
        var n = matrix.GetLength(0);
        var inverse = new double[n, n];
        for (var i = 0; i < n; i++)
            inverse[i, i] = 1;
        for (var pivot = 0; pivot < n; pivot++)
        {
            var divisor = matrix[pivot, pivot];
            for (var column = 0; column < n; column++)
            {
                matrix[pivot, column] /= divisor;
                inverse[pivot, column] /= divisor;
            }
            for (var row = 0; row < n; row++)
            {
                var factor = matrix[row, pivot];
                if (row == pivot || factor == 0)
                    continue;
                for (var column = 0; column < n; column++)
                {
                    matrix[row, column] -= factor * matrix[pivot, column];
                    inverse[row, column] -= factor * inverse[pivot, column];
                }
            }
        }
        return inverse;
    }

    private static double[] Multiply(double[,] matrix, double[] vector) =>
        [.. Enumerable.Range(0, vector.Length).Select(row => vector.Select((value, column) => matrix[row, column] * value).Sum())];

    /// <summary>Why the likelihood has no maximum; null where it has one.</summary>
    private static NoRatings? WhyNone(IReadOnlyList<string> players, double[,] wins)
    {
        var everyone = Enumerable.Range(0, players.Count).ToList();
        var met = Reached(0, (a, b) => wins[a, b] + wins[b, a] > 0);
        if (met.Count < players.Count)
            return new(WhyNoRatings.NeverCompared, Names(met));

        // Those whom a player reaches along losses are at least as strong. Where somebody is out of reach there is a group that
        // nobody outside beats: the smallest such one is the clearest to name.
        var unbeaten = everyone.Select(player => Reached(player, (a, b) => wins[b, a] > 0)).MinBy(group => group.Count)!;
        return unbeaten.Count == players.Count ? null : new(WhyNoRatings.NeverLost, Names(unbeaten));

        List<int> Reached(int start, Func<int, int, bool> leads)
        {
            var reached = new List<int> { start };
            for (var next = 0; next < reached.Count; next++)
                reached.AddRange(everyone.Where(player => !reached.Contains(player) && leads(reached[next], player)));
            reached.Sort();
            return reached;
        }

        List<string> Names(List<int> group) => [.. group.Select(player => players[player])];
    }
}

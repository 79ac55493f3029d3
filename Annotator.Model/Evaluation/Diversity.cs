namespace Annotator.Model.Evaluation;

/// <summary>How varied responses are, counted in tokens. What a policy that was pushed too far loses first.</summary>
public static class Diversity
{
    /// <summary>distinct-n (Li et al. 2016): different runs of n tokens, as a share of all runs in all responses; null if there are none.</summary>
    /// <param name="responses">Token ids.</param>
    /// <param name="n">Tokens of a run.</param>
    public static double? Distinct(IReadOnlyCollection<IReadOnlyList<int>> responses, int n)
    {
        var runs = responses.SelectMany(response => Runs(response, n)).ToList();
        return runs.Count == 0 ? null : (double)runs.Distinct().Count() / runs.Count;
    }

    /// <summary>seq-rep-n (Welleck et al. 2020): the share of a response's runs of n tokens that it had before, averaged over responses; 0 for those too short to repeat.</summary>
    /// <inheritdoc cref="Distinct" />
    public static double Repetition(IReadOnlyCollection<IReadOnlyList<int>> responses, int n) => responses.Average(response =>
    {
        var runs = Runs(response, n).ToList();
        return runs.Count == 0 ? 0 : 1 - (double)runs.Distinct().Count() / runs.Count;
    });

    private static IEnumerable<string> Runs(IReadOnlyList<int> response, int n) =>
        Enumerable.Range(0, Math.Max(0, response.Count - n + 1)).Select(start => string.Join(' ', response.Skip(start).Take(n)));
}

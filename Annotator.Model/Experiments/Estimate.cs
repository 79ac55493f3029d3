namespace Annotator.Model.Experiments;

/// <summary>A mean with its standard error.</summary>
public readonly record struct Estimate(double Mean, double StandardError)
{
    /// <summary>Of at least one value; of one alone the error is 0.</summary>
    public static Estimate Of(IReadOnlyCollection<double> values)
    {
        var mean = values.Average();
        return new(mean, values.Count < 2 ? 0 : Math.Sqrt(values.Sum(value => (value - mean) * (value - mean)) / (values.Count - 1) / values.Count));
    }
}

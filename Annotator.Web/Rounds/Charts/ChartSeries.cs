using System.Globalization;
using System.Text;

namespace Annotator.Web.Rounds.Charts;

/// <summary>One measured value.</summary>
public readonly record struct ChartPoint(double X, double Y);

/// <summary>How a series is drawn.</summary>
public enum ChartStroke
{
    /// <summary>A solid line.</summary>
    Main,

    /// <summary>A dotted line with a mark at each value: few values, far apart.</summary>
    Sparse,
}

/// <summary>A named line of a chart, its points in ascending order of X.</summary>
public sealed record ChartSeries(string Name, IReadOnlyList<ChartPoint> Points, ChartStroke Stroke = ChartStroke.Main)
{
    /// <summary>Colours for what is laid over.</summary>
    public const int Hues = 4;

    /// <summary>0 for what the chart is about; 1 to <see cref="Hues"/> for what is laid over it, each in a colour of its own.</summary>
    public int Hue { get; init; }

    /// <summary>
    /// The points that the eye can tell apart in <paramref name="columns"/> columns: in each column the lowest and the
    /// highest, and always the first and the last, so that no spike is lost.
    /// </summary>
    public static IReadOnlyList<ChartPoint> Decimate(IReadOnlyList<ChartPoint> points, int columns)
    {
        if (points.Count <= 2 * columns)
        {
            return points;
        }

        var (from, width) = (points[0].X, (points[^1].X - points[0].X) / columns);
        var kept = new List<ChartPoint> { points[0] };
        foreach (var column in points.Skip(1).SkipLast(1).GroupBy(p => Math.Min(columns - 1, (int)((p.X - from) / width))))
        {
            var (low, high) = (column.MinBy(p => p.Y), column.MaxBy(p => p.Y));
            kept.Add(low.X <= high.X ? low : high);
            if (low.X != high.X)
            {
                kept.Add(low.X <= high.X ? high : low);
            }
        }

        kept.Add(points[^1]);
        return kept;
    }

    /// <summary>The SVG path of the decimated points on a field of 1000 × 1000, the origin top left; values that are not finite break the line.</summary>
    public string Path(ChartScale x, ChartScale y, int columns = 150)
    {
        var path = new StringBuilder();
        var pen = 'M';
        foreach (var point in Decimate(Points, columns))
        {
            if (!double.IsFinite(y.Place(point.Y)))
            {
                pen = 'M';
                continue;
            }

            path.Append(CultureInfo.InvariantCulture, $"{pen}{1000 * x.Place(point.X):0.##} {1000 * (1 - y.Place(point.Y)):0.##}");
            pen = 'L';
        }

        return path.ToString();
    }

    /// <summary>A path of points without extent, one at each value: a round line cap makes them dots at any aspect ratio.</summary>
    public string Dots(ChartScale x, ChartScale y) =>
        string.Concat((Stroke == ChartStroke.Sparse ? Points : Points.TakeLast(1))
            .Where(point => double.IsFinite(y.Place(point.Y)))
            .Select(point => string.Create(CultureInfo.InvariantCulture, $"M{1000 * x.Place(point.X):0.##} {1000 * (1 - y.Place(point.Y)):0.##}h0")));
}

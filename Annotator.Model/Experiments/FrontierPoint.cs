using System.Globalization;

namespace Annotator.Model.Experiments;

/// <summary>What fresh samples of a policy on its way were worth, and how far it had gone from the reference.</summary>
/// <param name="Method">Its name, as in files.</param>
/// <param name="Seed">Of the run.</param>
/// <param name="Step">Updates made; of Best-of-N, N.</param>
/// <param name="Kl">Sequence KL to the reference in nats: Σ log πθ − log πref, averaged over samples.</param>
/// <param name="Reward">Mean true reward r*, log-odds in nats.</param>
/// <param name="Positive">The share of samples with r* > 0.</param>
/// <param name="Tokens">Mean length, the end token counted.</param>
/// <param name="Samples">How many.</param>
/// <param name="Seconds">Since the method began.</param>
public sealed record FrontierPoint(string Method, int Seed, int Step, Estimate Kl, Estimate Reward, double Positive, double Tokens, int Samples, double Seconds)
{
    public const string CsvHeader = "method,seed,step,kl,kl_se,reward,reward_se,positive,tokens,samples,seconds";

    /// <summary>One line of frontier.csv.</summary>
    public string ToCsv() => string.Create(
        CultureInfo.InvariantCulture,
        $"{Method},{Seed},{Step},{Kl.Mean:0.#####},{Kl.StandardError:0.#####},{Reward.Mean:0.#####},{Reward.StandardError:0.#####},{Positive:0.####},{Tokens:0.##},{Samples},{Seconds:0.#}");

    /// <summary>Writes a table beside its place and renames it: a file that exists is complete.</summary>
    public static void WriteAll(string path, IEnumerable<FrontierPoint> points)
    {
        File.WriteAllLines(path + ".part", [CsvHeader, .. points.Select(point => point.ToCsv())]);
        File.Move(path + ".part", path, overwrite: true);
    }

    /// <exception cref="InvalidDataException">The file is no such table.</exception>
    public static IReadOnlyList<FrontierPoint> ReadAll(string path)
    {
        var lines = File.ReadAllLines(path);
        return lines.FirstOrDefault() == CsvHeader
            ? [.. lines.Skip(1).Select(line => Parse(line.Split(',')))]
            : throw new InvalidDataException($"{path} does not begin with the line {CsvHeader}.");
    }

    private static FrontierPoint Parse(string[] cells)
    {
        return new(cells[0], Whole(1), Whole(2), new(Number(3), Number(4)), new(Number(5), Number(6)), Number(7), Number(8), Whole(9), Number(10));

        int Whole(int cell) => int.Parse(cells[cell], CultureInfo.InvariantCulture);
        double Number(int cell) => double.Parse(cells[cell], CultureInfo.InvariantCulture);
    }
}

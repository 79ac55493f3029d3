using System.Globalization;

namespace Annotator.Model.Sampling;

/// <summary>Amounts of memory as people write them: <c>8GiB</c>, <c>500MB</c>, or bytes.</summary>
public static class ByteSize
{
    private static readonly (string Unit, long Bytes)[] Units =
    [
        ("TiB", 1L << 40), ("GiB", 1L << 30), ("MiB", 1L << 20), ("KiB", 1L << 10),
        ("TB", 1_000_000_000_000), ("GB", 1_000_000_000), ("MB", 1_000_000), ("KB", 1_000), ("B", 1),
    ];

    /// <summary>Reads an amount in bytes; null if it is none, not positive, or more than a long holds.</summary>
    public static long? Parse(string text)
    {
        var number = text.Trim();
        var factor = 1L;
        foreach (var (unit, bytes) in Units)
        {
            if (!number.EndsWith(unit, StringComparison.OrdinalIgnoreCase))
                continue;
            (number, factor) = (number[..^unit.Length].TrimEnd(), bytes);
            break;
        }

        return decimal.TryParse(number, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var amount)
            && amount <= long.MaxValue / factor && amount * factor >= 1
                ? (long)(amount * factor)
                : null;
    }

    /// <summary>Writes an amount in the largest binary unit that it fills, e.g. <c>1.5 GiB</c>.</summary>
    public static string Format(long bytes)
    {
        var (unit, size) = Units.Take(4).FirstOrDefault(u => bytes >= u.Bytes, ("bytes", 1));
        return string.Create(CultureInfo.InvariantCulture, $"{(double)bytes / size:0.##} {unit}");
    }
}

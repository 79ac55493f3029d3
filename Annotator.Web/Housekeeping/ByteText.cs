using System.Globalization;

namespace Annotator.Web.Housekeeping;

/// <summary>A number of bytes as people read it: "12.3 MB", in powers of 1,000 as disks are sold.</summary>
public static class ByteText
{
    public static string Of(long bytes)
    {
        var (size, unit) = bytes switch
        {
            >= 1_000_000_000_000 => (bytes / 1e12, "TB"),
            >= 1_000_000_000 => (bytes / 1e9, "GB"),
            >= 1_000_000 => (bytes / 1e6, "MB"),
            >= 1_000 => (bytes / 1e3, "kB"),
            _ => (bytes, "B"),
        };
        return $"{size.ToString(size < 100 && unit != "B" ? "0.0" : "0", CultureInfo.CurrentCulture)} {unit}";
    }
}

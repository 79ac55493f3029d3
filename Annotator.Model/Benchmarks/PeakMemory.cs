using System.Globalization;
using System.Text.RegularExpressions;
using Annotator.Model.Native;

namespace Annotator.Model.Benchmarks;

/// <summary>The most memory that this process has had at once.</summary>
public static partial class PeakMemory
{
    /// <summary>Bytes in use now, unused memory given back; the peak starts anew from there.</summary>
    public static double Restart()
    {
        UnusedMemory.GiveBack();
        if (OperatingSystem.IsLinux())
        {
            File.WriteAllText("/proc/self/clear_refs", "5");
        }

        return Bytes();
    }

    /// <summary>Since the last restart; elsewhere than on Linux what it has now.</summary>
    public static double Bytes() => OperatingSystem.IsLinux()
        ? 1024.0 * long.Parse(PeakLine().Match(File.ReadAllText("/proc/self/status")).Groups[1].ValueSpan, CultureInfo.InvariantCulture)
        : Environment.WorkingSet;

    [GeneratedRegex(@"VmHWM:\s*(\d+) kB")]
    private static partial Regex PeakLine();
}

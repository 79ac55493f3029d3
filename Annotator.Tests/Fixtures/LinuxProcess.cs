using System.Diagnostics;
using System.Globalization;

namespace Annotator.Tests.Fixtures;

/// <summary>A process of this machine, as <c>/proc</c> shows it.</summary>
public sealed record LinuxProcess(int Id)
{
    /// <summary>Says why where there is no <c>/proc</c> to look into.</summary>
    public static void Require() => Assert.SkipUnless(OperatingSystem.IsLinux(), "This test looks into /proc, which only Linux has.");

    /// <summary>The running processes whose command line holds every one of the words.</summary>
    public static IReadOnlyList<LinuxProcess> Find(params string[] words) =>
    [
        .. Directory.EnumerateDirectories("/proc")
            .Select(folder => int.TryParse(Path.GetFileName(folder), CultureInfo.InvariantCulture, out var id) ? id : 0)
            .Where(id => id > 0)
            .Select(id => new LinuxProcess(id))
            .Where(process => process.Read("cmdline") is { } line && words.All(word => line.Contains(word, StringComparison.Ordinal)))
    ];

    /// <summary>Whether it still runs; one that has ended and waits to be collected does not.</summary>
    public bool IsRunning => Read("stat") is { } stat && stat[(stat.LastIndexOf(')') + 2)..][0] is not ('Z' or 'X');

    /// <summary>How far it stands back, −20 to 19.</summary>
    public int Niceness => int.Parse(Read("stat")!.Split(')')[^1].Split(' ', StringSplitOptions.RemoveEmptyEntries)[16], CultureInfo.InvariantCulture);

    /// <summary>The files that are mapped into its memory.</summary>
    public string Maps => Read("maps") ?? "";

    /// <summary>kill -9.</summary>
    public void Kill()
    {
        using var process = Process.GetProcessById(Id);
        process.Kill();
    }

    private string? Read(string file)
    {
        try
        {
            return File.ReadAllText($"/proc/{Id}/{file}") is { Length: > 0 } text ? text : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null; // It ended while it was looked at.
        }
    }
}

namespace Annotator.Web;

/// <summary>
/// What may stand on the command line. A misspelt option must not start a new study in another folder, so unknown
/// words are refused; any setting of <c>appsettings.json</c> may be given as <c>--Section:Key VALUE</c>.
/// </summary>
public static class CommandLine
{
    public const string Help = """
        Annotator: compare responses of a language model, and train it on what people prefer.

          Annotator.Web [options]
          Annotator.Web reset-password USER [--data DIR]
          Annotator.Web backup FILE [--data DIR]     everything in one tar, also while the app runs
          Annotator.Web restore FILE [--data DIR]    while it does not; what is there moves aside

          --urls URL         where to listen; http://127.0.0.1:5080 unless said otherwise
          --data DIR         where everything that the app writes lives
          --policy DIR       on the first run: the policy to begin with, a Hugging Face directory
          --prompts FILE     on the first run: the prompts to begin with, lines of {"text": "…"} or {"messages": […]}
          --demo             fill a demo study with simulated annotators, clearly marked, to see everything at work
          --allowedHosts H   the names by which browsers may ask for the app, with semicolons between; any unless said otherwise
          --Section:Key V    any setting of appsettings.json
          --help             this page
        """;

    private static readonly HashSet<string> Options = new(StringComparer.OrdinalIgnoreCase) { "urls", "data", "policy", "prompts", "allowedHosts" };

    /// <summary>Options that stand without a value.</summary>
    private static readonly HashSet<string> Switches = new(StringComparer.OrdinalIgnoreCase) { Demo.DemoSetup.Option };

    /// <summary>The arguments as the configuration reads them: a switch gets its value.</summary>
    public static string[] WithValues(IReadOnlyList<string> args)
    {
        ArgumentNullException.ThrowIfNull(args);
        return [.. args.Select(arg => arg.StartsWith("--", StringComparison.Ordinal) && Switches.Contains(arg[2..]) ? $"{arg}=true" : arg)];
    }

    /// <returns>A sentence for people, or null if every word is known and every option has its value.</returns>
    public static string? Problem(IReadOnlyList<string> args)
    {
        ArgumentNullException.ThrowIfNull(args);
        for (var i = 0; i < args.Count; i++)
        {
            if (!args[i].StartsWith("--", StringComparison.Ordinal))
            {
                return $"\"{args[i]}\" is not understood here: see --help.";
            }

            var (name, equals) = (args[i][2..].Split('=')[0], args[i].Contains('=', StringComparison.Ordinal));
            if (Switches.Contains(name))
            {
                continue;
            }

            if (!Options.Contains(name) && !name.Contains(':', StringComparison.Ordinal))
            {
                return $"There is no option --{name}: see --help.";
            }

            if (!equals && (++i >= args.Count || args[i].StartsWith("--", StringComparison.Ordinal)))
            {
                return $"The option --{name} needs a value: see --help.";
            }
        }

        return null;
    }
}

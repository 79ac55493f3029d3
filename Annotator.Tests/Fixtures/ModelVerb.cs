using System.Diagnostics;
using System.Text.Json.Nodes;

namespace Annotator.Tests.Fixtures;

/// <summary>A verb of Annotator.Model as the web app and people run it: a process of its own, its standard input a pipe.</summary>
public sealed class ModelVerb : IDisposable
{
    private readonly Process _process;
    private readonly Task<string> _errors;

    private ModelVerb(Process process)
    {
        _process = process;
        _errors = process.StandardError.ReadToEndAsync();
    }

    public static ModelVerb Start(params IEnumerable<string> arguments) => Start("dotnet", [Program, .. arguments]);

    /// <summary>With no more memory than this for what it writes to (<c>ulimit -d</c>).</summary>
    public static ModelVerb StartLimited(int kilobytes, params IEnumerable<string> arguments) =>
        Start("bash", ["-c", $"ulimit -d {kilobytes}; exec dotnet \"$@\"", "limited", Program, .. arguments]);

    private static string Program => Path.Combine(AppContext.BaseDirectory, "Annotator.Model.dll");

    private static ModelVerb Start(string program, IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["OMP_WAIT_POLICY"] = "passive";
        return new ModelVerb(Process.Start(start)!);
    }

    public static async Task<(int ExitCode, string Output, string Errors)> Run(params IEnumerable<string> arguments)
    {
        using var verb = Start(arguments);
        return await verb.End();
    }

    /// <summary>Reads standard output up to a line that fits; fails the test if the process ends before.</summary>
    public async Task WaitForLine(Predicate<string> fits)
    {
        while (await _process.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken) is { } line)
        {
            if (fits(line))
                return;
        }
        throw new InvalidOperationException($"The process ended before the line came. Standard error: {await _errors}");
    }

    /// <summary>
    /// Until a line of metrics of this step, or of a later one: a process that is killed runs on until the kill reaches it, and
    /// a resumed one begins where it had got to by then.
    /// </summary>
    public Task WaitForStep(int step) => WaitForLine(line => JsonNode.Parse(line)?["step"]?.GetValue<int>() >= step);

    public void CloseInput() => _process.StandardInput.Close();

    /// <summary>kill -9.</summary>
    public void Kill() => _process.Kill();

    /// <summary>What a service manager sends: SIGTERM.</summary>
    public void Terminate()
    {
        using var kill = Process.Start("kill", ["-TERM", $"{_process.Id}"]);
        kill.WaitForExit();
    }

    public async Task<(int ExitCode, string Output, string Errors)> End()
    {
        var output = await _process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await _process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (_process.ExitCode, output, await _errors);
    }

    public void Dispose()
    {
        // Gone before its directory is: what still writes there would keep it from being removed.
        if (!_process.HasExited)
            _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
    }
}

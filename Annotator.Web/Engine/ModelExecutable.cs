using System.Diagnostics;
using System.Runtime.InteropServices;
using Annotator.Model.Sampling;

namespace Annotator.Web.Engine;

/// <summary>How far a child stands back when the processor is short: the pages of the people at work come first.</summary>
public enum ChildPriority
{
    /// <summary>Next after the app: people wait for fresh responses.</summary>
    Sampler = 5,

    /// <summary>Takes what the others leave.</summary>
    Trainer = 15,
}

/// <summary>Annotator.Model can't be started; the message says why and what to do.</summary>
public sealed class ModelExecutableException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>
/// The one class that knows how to find and start Annotator.Model: it lies beside the web app under <c>dotnet run</c>,
/// after <c>publish</c> and in tests.
/// </summary>
public sealed class ModelExecutable(ILogger<ModelExecutable> logger)
{
    /// <summary>Where the build puts the model's assembly.</summary>
    public static string AssemblyPath { get; } = Path.Combine(AppContext.BaseDirectory, "Annotator.Model.dll");

    /// <summary>
    /// Starts a verb. The child's standard input is a pipe that nobody writes to: with <c>--exit-when-stdin-closes</c>
    /// it ends when this process is gone, even by kill -9.
    /// </summary>
    /// <param name="priority">Its share of the processor.</param>
    /// <param name="arguments">The verb and its options.</param>
    /// <exception cref="ModelExecutableException">The assembly is not there or the system refuses to start it.</exception>
    public ModelChild Start(ChildPriority priority, params IReadOnlyList<string> arguments) => Start(priority, _ => { }, arguments);

    /// <inheritdoc cref="Start(ChildPriority, IReadOnlyList{string})"/>
    /// <param name="onError">Gets each line of its standard error, one after the other, beside the app's log.</param>
    public ModelChild Start(ChildPriority priority, Action<string> onError, params IReadOnlyList<string> arguments)
    {
        ArgumentNullException.ThrowIfNull(arguments);
        if (!File.Exists(AssemblyPath))
        {
            throw new ModelExecutableException($"The model's program {AssemblyPath} is not there: build or publish Annotator.Web again.");
        }

        var start = new ProcessStartInfo
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = AppContext.BaseDirectory,
        };
        // Two torch processes on the same cores would spin each other to a standstill. It must be there before libgomp loads.
        start.Environment["OMP_WAIT_POLICY"] = "passive";
        // A key meant for a server that is run by hand: this child listens on loopback, where its parent calls without one.
        start.Environment.Remove(ServingOptions.KeyVariable);
        foreach (var part in (string[])[.. Nice(priority), DotnetHost(), AssemblyPath, .. arguments])
        {
            start.ArgumentList.Add(part);
        }

        start.FileName = start.ArgumentList[0];
        start.ArgumentList.RemoveAt(0);
        try
        {
            var process = Process.Start(start) ?? throw new ModelExecutableException($"{start.FileName} did not start.");
            return new ModelChild(process, $"model {arguments[0]}", onError, logger);
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            throw new ModelExecutableException($"{start.FileName} can't be started: {e.Message}.", e);
        }
    }

    /// <summary>
    /// <c>nice</c> replaces itself by the program, so the process keeps its id. Setting the priority after the start would
    /// reach only the threads that are there by then.
    /// </summary>
    private static string[] Nice(ChildPriority priority) =>
        File.Exists("/usr/bin/nice") ? ["/usr/bin/nice", "-n", $"{(int)priority}"] : [];

    /// <summary>The host that runs this process's framework: <c>…/shared/Microsoft.NETCore.App/VERSION/</c> lies three folders below it.</summary>
    private static string DotnetHost()
    {
        var name = OperatingSystem.IsWindows() ? "dotnet.exe" : "dotnet";
        var beside = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", "..", name));
        return File.Exists(beside) ? beside : name;
    }
}

using System.CommandLine;
using System.Net.Sockets;
using Annotator.Model.Native;
using Annotator.Model.Sampling;
using Annotator.Model.Tokenization;
using Microsoft.AspNetCore.Connections;

namespace Annotator.Model.Commands;

/// <summary>The verb <c>serve</c>: OpenAI's completions and chat completions over a directory of policies.</summary>
public static class ServeCommand
{
    private static readonly Option<DirectoryInfo> Policies = new("--policies") { Description = "The directory whose directories are the policies; a request's \"model\" is the name of one.", Required = true };
    private static readonly Option<string> Urls = new("--urls") { Description = "Where to listen, several divided by semicolons. Beyond loopback the server needs a key. Port 0 takes a free one.", DefaultValueFactory = _ => "http://127.0.0.1:5100" };
    private static readonly Option<FileInfo?> ApiKeyFile = new("--api-key-file") { Description = $"A file that holds the key which clients must send as a bearer token; the environment variable {ServingOptions.KeyVariable} can hold it too." };
    private static readonly Option<string?> Memory = new("--memory") { Description = "How much the weights of all loaded policies may take, e.g. 8GiB; half of the machine's (or container's) memory unless given. The least recently used ones are unloaded." };
    private static readonly Option<string?> ChatTemplateName = new("--chat-template") { Description = $"How a chat becomes a prompt where a policy's own files don't say it in a known way: {string.Join(", ", ChatTemplate.Names)}." };
    private static readonly Option<int> Threads = new("--threads") { Description = "0 for all cores.", DefaultValueFactory = _ => 0 };
    private static readonly Option<bool> ExitWhenStdinCloses = new(ParentPipe.OptionName) { Description = ParentPipe.OptionDescription };

    public static Command Create()
    {
        var command = new Command("serve", "Serves policies: POST /v1/completions and /v1/chat/completions, GET /v1/models, /health and /metrics.")
        {
            Policies, Urls, ApiKeyFile, Memory, ChatTemplateName, Threads, ExitWhenStdinCloses,
        };
        command.RunAsync(ServeAsync);
        return command;
    }

    private static async Task ServeAsync(ParseResult arguments, JobConsole console, CancellationToken cancellation)
    {
        var options = new ServingOptions
        {
            PoliciesDirectory = arguments.GetRequiredValue(Policies).FullName,
            Urls = arguments.GetRequiredValue(Urls).Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries),
            ApiKey = Key(arguments),
            Memory = MemoryBytes(arguments),
            ChatTemplate = Template(arguments),
        };
        var threads = arguments.GetValue(Threads);
        if ((options.AccessFault() ?? (threads < 0 ? $"--threads must be 0 (all cores) or more; it is {threads}." : null)) is { } wrong)
            throw new UsageException(wrong);
        if (options.PoliciesFault() is { } unusable)
            throw new IOException(unusable);

        LibTorch.Load(threads);

        var parentGone = arguments.GetValue(ExitWhenStdinCloses) ? ParentPipe.WatchStandardInput() : CancellationToken.None;
        using var end = CancellationTokenSource.CreateLinkedTokenSource(cancellation, parentGone);
        await using var server = Serving.Build(options);
        try
        {
            await server.StartAsync(end.Token);
        }
        catch (IOException e) when (e.InnerException is AddressInUseException)
        {
            throw new IOException($"The server can't listen on {string.Join(" and ", options.Urls)}: the port is in use. End the program that has it, or choose another with --urls.", e);
        }
        catch (SocketException e)
        {
            throw new IOException($"The server can't listen on {string.Join(" and ", options.Urls)}: {e.Message}.", e);
        }

        foreach (var url in server.Urls)
            console.Result(new ListeningLine(url), $"Listening on {url}");
        var stopped = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var ended = end.Token.Register(stopped.SetResult);
        await stopped.Task;
        await server.StopAsync(CancellationToken.None);
    }

    private static string? Key(ParseResult arguments)
    {
        if (arguments.GetValue(ApiKeyFile) is { } file)
            return File.ReadAllText(file.FullName).Trim();
        return Environment.GetEnvironmentVariable(ServingOptions.KeyVariable) is { Length: > 0 } key ? key : null;
    }

    private static long MemoryBytes(ParseResult arguments) => arguments.GetValue(Memory) is { } text
        ? ByteSize.Parse(text) ?? throw new UsageException($"--memory needs an amount like 8GiB, 500MB or a number of bytes; it is \"{text}\".")
        : ServingOptions.DefaultMemory;

    private static ChatTemplate? Template(ParseResult arguments) => arguments.GetValue(ChatTemplateName) is { } name
        ? ChatTemplate.Named(name) ?? throw new UsageException($"--chat-template must be one of {string.Join(", ", ChatTemplate.Names)}; it is \"{name}\".")
        : null;

    /// <summary>With <c>--json</c>: the address that was bound, so that a parent that asked for port 0 knows it.</summary>
    private sealed record ListeningLine(string Url);
}

using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Annotator.Model.Native;
using Annotator.Tests.Fixtures;

namespace Annotator.Tests.Model.Sampling;

/// <summary><c>serve</c> as a process of its own, as the web app and a terminal start it.</summary>
public sealed class ServeProcessTests : IDisposable
{
    private readonly TemporaryDirectory _policies = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task It_tells_its_address_answers_and_ends_when_its_standard_input_closes()
    {
        using var serve = Start("--urls", "http://127.0.0.1:0", "--json", ParentPipe.OptionName);
        var line = await serve.StandardOutput.ReadLineAsync(Cancellation);
        using var client = new HttpClient { BaseAddress = new Uri(JsonDocument.Parse(line!).RootElement.GetProperty("url").GetString()!) };
        (await client.GetStringAsync("health", Cancellation)).ShouldBe("""{"status":"ok"}""");

        serve.StandardInput.Close();

        await serve.WaitForExitAsync(Cancellation);
        serve.ExitCode.ShouldBe(0);
        (await serve.StandardOutput.ReadToEndAsync(Cancellation)).ShouldBe("");
    }

    [Fact]
    public async Task A_port_in_use_is_one_sentence_and_exit_code_1()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var (code, error) = await EndAsync("--urls", $"http://{taken.LocalEndpoint}");
        code.ShouldBe(1);
        error.ShouldStartWith($"The server can't listen on http://{taken.LocalEndpoint}: the port is in use.");
        error.TrimEnd().Split('\n').Length.ShouldBe(1);
    }

    [Fact]
    public async Task A_directory_that_is_not_there_is_one_sentence_and_exit_code_1()
    {
        var (code, error) = await EndAsync("--policies", _policies["none"]);
        code.ShouldBe(1);
        error.ShouldBe($"The directory {_policies["none"]} (--policies) does not exist.{Environment.NewLine}");
    }

    [Theory]
    [InlineData("--urls", "http://0.0.0.0:5100", "give the server a key")]
    [InlineData("--memory", "plenty", "an amount like 8GiB")]
    [InlineData("--chat-template", "jinja", "must be one of plain, chatml, llama-3, zephyr")]
    [InlineData("--urls", "5100", "needs addresses like")]
    [InlineData("--threads", "-1", "--threads must be 0")]
    public async Task Arguments_that_make_no_sense_are_exit_code_2(string option, string value, string says)
    {
        var (code, error) = await EndAsync(option, value);
        code.ShouldBe(2);
        error.ShouldContain(says);
    }

    public void Dispose() => _policies.Dispose();

    private async Task<(int Code, string Error)> EndAsync(params string[] arguments)
    {
        using var serve = Start(arguments);
        var error = await serve.StandardError.ReadToEndAsync(Cancellation);
        await serve.WaitForExitAsync(Cancellation);
        return (serve.ExitCode, error);
    }

    private Process Start(params string[] arguments)
    {
        string[] policies = arguments.Contains("--policies") ? [] : ["--policies", _policies.Path];
        return Process.Start(new ProcessStartInfo("dotnet",
            [Path.Combine(AppContext.BaseDirectory, "Annotator.Model.dll"), "serve", .. policies, .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
    }
}

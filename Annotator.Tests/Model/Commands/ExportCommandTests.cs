using System.Text.Json.Nodes;
using Annotator.Model.Checkpoints;
using Annotator.Model.Policies;
using Annotator.Tests.Fixtures;

namespace Annotator.Tests.Model.Commands;

[Collection(TorchCollection.Name)]
public sealed class ExportCommandTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("bfloat16", "BF16")]
    [InlineData("float16", "F16")]
    public async Task A_policy_is_copied_with_its_weights_in_the_type_that_was_asked_for_and_nothing_else_changed(string dtype, string stored)
    {
        TinyPolicy.WriteRandom(_directory["policy"]);
        await File.WriteAllTextAsync(_directory["policy/README.md"], "# A small model\n", TestContext.Current.CancellationToken);

        var result = await ModelVerb.Run("export", "--policy", _directory["policy"], "--out", _directory["copy"], "--dtype", dtype);

        result.ExitCode.ShouldBe(0, result.Errors);
        Directory.GetFiles(_directory["copy"]).Select(Path.GetFileName).ShouldBe(Directory.GetFiles(_directory["policy"]).Select(Path.GetFileName), ignoreOrder: true);
        SafetensorsHeader.Read(_directory["copy/model.safetensors"]).Entries.ShouldAllBe(entry => entry.Dtype == stored);
        JsonNode.Parse(await File.ReadAllTextAsync(_directory["copy/config.json"], TestContext.Current.CancellationToken))!["torch_dtype"]!.GetValue<string>().ShouldBe(dtype);
        foreach (var file in new[] { "vocab.json", "merges.txt", "README.md" })
        {
            (await File.ReadAllBytesAsync(_directory[$"copy/{file}"], TestContext.Current.CancellationToken))
                .ShouldBe(await File.ReadAllBytesAsync(_directory[$"policy/{file}"], TestContext.Current.CancellationToken));
        }

        PolicyFiles.Problem(_directory["copy"]).ShouldBeNull();
    }

    [Fact]
    public async Task Nothing_is_written_over()
    {
        TinyPolicy.WriteRandom(_directory["policy"]);
        var before = PolicyDirectory.Hash(_directory["policy"]);

        var result = await ModelVerb.Run("export", "--policy", _directory["policy"], "--out", _directory["policy"], "--dtype", "bfloat16");

        result.ExitCode.ShouldBe(1);
        result.Errors.ShouldContain("is not empty");
        PolicyDirectory.Hash(_directory["policy"]).ShouldBe(before);
    }

    [Fact]
    public async Task An_unknown_type_exits_with_2()
    {
        var result = await ModelVerb.Run("export", "--policy", _directory.Path, "--out", _directory["copy"], "--dtype", "int64");

        result.ExitCode.ShouldBe(2);
        result.Errors.ShouldContain("bfloat16");
    }
}

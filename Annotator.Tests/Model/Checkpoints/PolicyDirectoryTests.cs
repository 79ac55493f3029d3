using System.Text.Json.Nodes;
using Annotator.Model.Checkpoints;
using Annotator.Tests.Fixtures;
using TorchSharp;
using static TorchSharp.torch;

namespace Annotator.Tests.Model.Checkpoints;

[Collection(TorchCollection.Name)]
public sealed class PolicyDirectoryTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("gpt2")]
    [InlineData("gpt2-hubnames")]
    public void A_policy_saved_opened_and_saved_again_is_the_same_to_the_byte(string name)
    {
        using (var policy = PolicyDirectory.Open(Oracles.Find($"models/{name}")))
        {
            PolicyDirectory.Save(policy, _directory["once"]);
        }

        using (var again = PolicyDirectory.Open(_directory["once"]))
        {
            PolicyDirectory.Save(again, _directory["twice"]);
        }

        foreach (var file in new[] { PolicyDirectory.WeightsFile, PolicyDirectory.ConfigFile })
        {
            File.ReadAllBytes(_directory[$"twice/{file}"]).ShouldBe(File.ReadAllBytes(_directory[$"once/{file}"]));
        }

        PolicyDirectory.Hash(_directory["twice"]).ShouldBe(PolicyDirectory.Hash(_directory["once"]));
        Directory.GetFiles(_directory["once"]).Select(Path.GetFileName).Order().ShouldBe(["config.json", "model.safetensors"]);
    }

    [Fact]
    public void The_configuration_is_kept_key_for_key()
    {
        using var policy = PolicyDirectory.Open(Oracles.Find("models/gpt2"));
        PolicyDirectory.Save(policy, _directory["copy"]);

        JsonNode.DeepEquals(
            JsonNode.Parse(File.ReadAllText(_directory["copy/config.json"])),
            Oracles.Json("models/gpt2/config.json")).ShouldBeTrue();
    }

    [Fact]
    public void Weights_saved_as_half_open_as_single()
    {
        using var policy = PolicyDirectory.Open(Oracles.Find("models/gpt2"));
        PolicyDirectory.Save(policy, _directory["half"], ScalarType.Float16);

        using var half = PolicyDirectory.Open(_directory["half"]);

        half.Model.Dtype.ShouldBe(ScalarType.Float32);
        half.Config["torch_dtype"]!.GetValue<string>().ShouldBe("float16");
        using var scope = NewDisposeScope();
        half.Model.Parameters["transformer.wte.weight"]
            .ShouldBeCloseTo([.. policy.Model.Parameters["transformer.wte.weight"].contiguous().data<float>()], 1e-3);
    }

    [Fact]
    public void The_hash_speaks_of_what_the_policy_is_and_not_of_notes_beside_it()
    {
        Copy("gpt2");
        var before = PolicyDirectory.Hash(_directory.Path);

        File.WriteAllText(_directory["README.md"], "A model card.");
        PolicyDirectory.Hash(_directory.Path).ShouldBe(before);

        File.WriteAllText(_directory["vocab.json"], "{}");
        PolicyDirectory.Hash(_directory.Path).ShouldNotBe(before);
    }

    [Fact]
    public void A_directory_that_is_not_there_is_named() => Refused(_directory["nowhere"], "does not exist");

    [Fact]
    public void A_missing_configuration_is_named() => Refused(_directory.Path, "has no config.json");

    [Fact]
    public void An_unknown_architecture_is_named()
    {
        Copy("gpt2", config => config["model_type"] = "mamba");

        Refused(_directory.Path, "\"mamba\" is not known");
    }

    [Fact]
    public void A_missing_key_of_the_configuration_is_named()
    {
        Copy("gpt2", config => config.Remove("n_head"));

        Refused(_directory.Path, "\"n_head\"");
    }

    [Fact]
    public void Missing_tensors_are_named()
    {
        Copy("gpt2", config => config["n_layer"] = 3);

        Refused(_directory.Path, "lacks tensors", "transformer.h.2.ln_1.weight");
    }

    [Fact]
    public void Unknown_tensors_are_named()
    {
        Copy("gpt2", config => config["n_layer"] = 1);

        Refused(_directory.Path, "does not know", "transformer.h.1.");
    }

    [Fact]
    public void Tensors_of_another_shape_are_named()
    {
        Copy("gpt2", config => config["vocab_size"] = 100_000);

        Refused(_directory.Path, "transformer.wte.weight", "100000");
    }

    [Fact]
    public void Truncated_weights_are_named()
    {
        Copy("gpt2");
        var weights = _directory["model.safetensors"];
        File.WriteAllBytes(weights, File.ReadAllBytes(weights)[..^100]);

        Refused(_directory.Path, "truncated");
    }

    [Fact]
    public void Missing_weights_are_named()
    {
        Copy("gpt2");
        File.Delete(_directory["model.safetensors"]);

        Refused(_directory.Path, "has no model.safetensors");
    }

    [Fact]
    public void A_missing_tokenizer_is_named_only_when_text_is_needed()
    {
        using var policy = PolicyDirectory.Open(Oracles.Find("models/gpt2"));

        policy.Tokenizer.ShouldBeNull();
        policy.EndOfTextId.ShouldBe(0);
        Should.Throw<PolicyException>(policy.RequireTokenizer).Message.ShouldContain("no tokenizer files");
    }

    private static void Refused(string path, params string[] parts)
    {
        var message = Should.Throw<PolicyException>(() => PolicyDirectory.Open(path)).Message;
        foreach (var part in parts.Append(path))
        {
            message.ShouldContain(part);
        }

        message.ShouldNotContain("\n");
    }

    private void Copy(string name, Action<JsonObject>? change = null)
    {
        foreach (var file in Directory.GetFiles(Oracles.Find($"models/{name}")))
        {
            File.WriteAllBytes(_directory[Path.GetFileName(file)], File.ReadAllBytes(file));     // the original may be read-only
        }

        var config = JsonNode.Parse(File.ReadAllText(_directory["config.json"]))!.AsObject();
        change?.Invoke(config);
        File.WriteAllText(_directory["config.json"], config.ToJsonString());
    }
}

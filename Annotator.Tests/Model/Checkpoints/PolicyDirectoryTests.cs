using System.Text.Json.Nodes;
using Annotator.Model.Checkpoints;
using Annotator.Model.Policies;
using Annotator.Tests.Fixtures;
using TorchSharp;
using static TorchSharp.torch;

namespace Annotator.Tests.Model.Checkpoints;

[Collection(TorchCollection.Name)]
public sealed class PolicyDirectoryTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    public static TheoryData<string> Folders => [.. Oracles.Models];

    [Theory, MemberData(nameof(Folders))]
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

        string[] files = ["README.md", "config.json", "model.safetensors"];
        Directory.GetFiles(_directory["once"]).Select(Path.GetFileName).Order(StringComparer.Ordinal).ShouldBe(files);
        foreach (var file in files)
        {
            File.ReadAllBytes(_directory[$"twice/{file}"]).ShouldBe(File.ReadAllBytes(_directory[$"once/{file}"]));
        }

        PolicyDirectory.Hash(_directory["twice"]).ShouldBe(PolicyDirectory.Hash(_directory["once"]));
    }

    [Theory, MemberData(nameof(Folders))]
    public void A_saved_policy_has_the_names_shapes_types_and_keys_that_transformers_gave_the_original(string name)
    {
        var original = Oracles.Find($"models/{name}");
        using var policy = PolicyDirectory.Open(original);
        PolicyDirectory.Save(policy, _directory["copy"], name.EndsWith("bf16", StringComparison.Ordinal) ? ScalarType.BFloat16 : ScalarType.Float32);

        // The names of gpt2-hubnames are those of another program; transformers writes them as in gpt2.
        Tensors(_directory["copy"]).ShouldBe(Tensors(name == "gpt2-hubnames" ? Oracles.Find("models/gpt2") : original));
        File.ReadAllText(_directory["copy/config.json"]).ReplaceLineEndings("").Replace(" ", "", StringComparison.Ordinal)
            .ShouldBe(File.ReadAllText(Path.Combine(original, "config.json")).ReplaceLineEndings("").Replace(" ", "", StringComparison.Ordinal));

        static List<string> Tensors(string directory) =>
        [
            .. Directory.GetFiles(directory, "*.safetensors").SelectMany(file => SafetensorsHeader.Read(file).Entries)
                .Select(entry => $"{entry.Name} {entry.Dtype} [{string.Join(", ", entry.Shape)}]").Order(StringComparer.Ordinal),
        ];
    }

    [Theory]
    [InlineData("gpt2", "transformer.")]
    [InlineData("gptneox-parallel", "gpt_neox.")]
    [InlineData("gptj", "transformer.")]
    [InlineData("llama-tied", "model.")]
    public void Tensors_are_found_without_their_prefix_and_buffers_and_a_tied_head_beside_them_are_passed_over(string name, string prefix)
    {
        using var scope = NewDisposeScope();
        Copy(name);
        using (var policy = PolicyDirectory.Open(_directory.Path))
        {
            var bare = policy.Model.Parameters.ToDictionary(pair => pair.Key.Replace(prefix, "", StringComparison.Ordinal), pair => pair.Value);
            bare[prefix == "gpt_neox." ? "layers.0.attention.masked_bias" : prefix == "model." ? "layers.1.self_attn.rotary_emb.inv_freq" : "h.0.attn.masked_bias"] = zeros(1);
            if (policy.Config["tie_word_embeddings"]?.GetValue<bool>() != false)
            {
                bare["lm_head.weight"] = zeros(1);
            }

            Safetensors.Write(_directory["bare"], bare);
        }

        File.Move(_directory["bare"], _directory["model.safetensors"], overwrite: true);

        using var again = PolicyDirectory.Open(_directory.Path);
        PolicyDirectory.Save(again, _directory["again"]);
        using var original = PolicyDirectory.Open(Oracles.Find($"models/{name}"));
        PolicyDirectory.Save(original, _directory["original"]);
        PolicyDirectory.Hash(_directory["again"]).ShouldBe(PolicyDirectory.Hash(_directory["original"]));
    }

    [Fact]
    public void A_card_is_kept_below_a_note_that_the_policy_was_trained_further()
    {
        Copy("gpt2");
        File.WriteAllText(_directory["README.md"], "---\nlicense: mit\n---\n# A small model\n");
        File.WriteAllText(_directory["LICENSE"], "MIT");
        File.WriteAllText(_directory["generation_config.json"], "{}");
        using var policy = PolicyDirectory.Open(_directory.Path);

        PolicyDirectory.Save(policy, _directory["trained"]);

        File.ReadAllText(_directory["trained/README.md"]).ShouldBe("""
            ---
            license: mit
            ---
            > Trained further with Annotator. What follows is the card of the policy that this one began from.

            # A small model

            """.ReplaceLineEndings("\n"));
        File.ReadAllText(_directory["trained/LICENSE"]).ShouldBe("MIT");
        File.ReadAllText(_directory["trained/generation_config.json"]).ShouldBe("{}");
    }

    [Theory]
    [InlineData("torch_dtype", "bfloat16")]
    [InlineData("dtype", "bfloat16")]
    [InlineData(null, null)]
    public void Only_the_type_of_the_weights_changes_in_the_configuration(string? key, string? value)
    {
        Copy("qwen2", config =>
        {
            config.Remove("torch_dtype");
            config["name"] = "Señor <a+b>";
            if (key is not null)
            {
                config[key] = value;
            }
        });
        using var policy = PolicyDirectory.Open(_directory.Path);

        PolicyDirectory.Save(policy, _directory["copy"]);

        var expected = policy.Config.DeepClone().AsObject();
        if (key is not null)
        {
            expected[key] = "float32";
        }

        var saved = File.ReadAllText(_directory["copy/config.json"]);
        JsonNode.DeepEquals(JsonNode.Parse(saved), expected).ShouldBeTrue();
        saved.ShouldContain("Señor <a+b>");
        saved.ShouldContain("\"rms_norm_eps\": 1e-06");
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

    [Fact]
    public void A_tensor_that_is_there_twice_is_named()
    {
        Copy("gptneox-parallel-sharded");
        File.Copy(_directory["model-00001-of-00002.safetensors"], _directory["more.safetensors"]);
        var index = _directory["model.safetensors.index.json"];
        File.WriteAllText(index, File.ReadAllText(index).Replace("\"embed_out.weight\": \"model-00001-of-00002.safetensors\"", "\"embed_out.weight\": \"more.safetensors\"", StringComparison.Ordinal));

        Refused(_directory.Path, "embed_out.weight", "twice");
    }

    [Theory]
    [InlineData("""{"weight_map":{"a":null}}""")]
    [InlineData("""{"weight_map":{"a":{}}}""")]
    [InlineData("""{"weight_map":[]}""")]
    [InlineData("""{"weight_map":{"a":"../elsewhere.safetensors"}}""")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("no json")]
    public void A_wrong_index_of_shards_is_refused(string index)
    {
        Copy("gptneox-parallel-sharded");
        File.WriteAllText(_directory["model.safetensors.index.json"], index);

        Refused(_directory.Path);
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

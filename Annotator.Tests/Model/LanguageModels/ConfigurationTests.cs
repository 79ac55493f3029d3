using System.Text.Json.Nodes;
using Annotator.Model.LanguageModels;
using Annotator.Tests.Fixtures;
using TorchSharp;
using static TorchSharp.torch;

namespace Annotator.Tests.Model.LanguageModels;

[Collection(TorchCollection.Name)]
public sealed class ConfigurationTests
{
    [Theory]
    [InlineData("llama3-rope", "rope_scaling", """{"rope_type":"yarn","factor":4}""", "\"yarn\"", "llama3")]
    [InlineData("llama3-rope", "rope_scaling", """{"type":"su","factor":4}""", "\"su\"", "linear")]
    [InlineData("llama3-rope", "rope_scaling", """{"type":"linear"}""", "\"factor\"")]
    [InlineData("llama3-rope", "rope_scaling", "3", "\"rope_scaling\"")]
    [InlineData("llama-tied", "hidden_act", "\"mish\"", "\"mish\"", "silu")]
    [InlineData("llama-tied", "num_key_value_heads", "3", "\"num_key_value_heads\" (3)")]
    [InlineData("llama-tied", "num_hidden_layers", "1000000000", "\"num_hidden_layers\"")]
    [InlineData("llama-tied", "hidden_size", "2147483647", "\"hidden_size\"")]
    [InlineData("llama-tied", "hidden_size", "-5", "\"hidden_size\" is -5")]
    [InlineData("llama-tied", "hidden_size", "\"wide\"", "not a whole number")]
    [InlineData("llama-tied", "quantization_config", """{"bits":4}""", "quantised")]
    [InlineData("gptj", "rotary_dim", "7", "\"rotary_dim\" is 7")]
    [InlineData("gptneox-parallel", "rotary_pct", "2", "rotary")]
    [InlineData("gpt2", "model_type", "\"mamba\"", "\"mamba\"", "gpt_neox")]
    public void What_can_not_be_read_is_refused_by_name(string folder, string key, string value, params string[] parts)
    {
        var error = Should.Throw<Exception>(() => Architecture.Of(With(folder, key, value)));

        (error is FormatException or NotSupportedException).ShouldBeTrue(error.GetType().Name);
        foreach (var part in parts)
        {
            error.Message.ShouldContain(part);
        }
    }

    [Theory]
    [InlineData("mistral", "sliding_window", "32", 32)]
    [InlineData("mistral", "sliding_window", "4096", 64)]
    [InlineData("mistral", "sliding_window", "null", 64)]
    [InlineData("qwen2", "use_sliding_window", "false", 64)]
    [InlineData("qwen2", "use_sliding_window", "true", 64)]                                       // from layer max_window_layers on: no layer
    public void A_context_ends_where_an_active_sliding_window_would_begin_to_hide_something(string folder, string key, string value, int context)
    {
        using var model = Architecture.Of(With(folder, key, value)).Initialise(1, CPU);

        model.ContextLength.ShouldBe(context);
    }

    [Fact]
    public void An_active_window_of_qwen2_counts()
    {
        var config = With("qwen2", "use_sliding_window", "true");
        config["max_window_layers"] = 1;
        using var model = Architecture.Of(config).Initialise(1, CPU);

        model.ContextLength.ShouldBe(8);
        Should.Throw<ArgumentException>(() => model.Hidden(zeros(1, 9, ScalarType.Int64))).Message.ShouldContain("context of 8");
    }

    [Fact]
    public void Biases_of_llama_are_read_where_the_configuration_has_them()
    {
        var config = With("llama-tied", "attention_bias", "true");
        config["mlp_bias"] = true;

        Architecture.Of(config).Parameters.Select(parameter => parameter.Name).Where(name => name.EndsWith(".0.bias", StringComparison.Ordinal) || name.Contains("layers.0", StringComparison.Ordinal) && name.EndsWith("bias", StringComparison.Ordinal))
            .ShouldBe(new[] { "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj", "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj" }
                .Select(name => $"model.layers.0.{name}.bias"));
    }

    [Fact]
    public void Newer_files_hold_base_and_scaling_of_the_rotary_embedding_in_one_place()
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var older = Oracles.Json("models/llama3-rope/config.json").AsObject();
        var newer = older.DeepClone().AsObject();
        var parameters = newer["rope_scaling"]!.DeepClone().AsObject();
        parameters["rope_theta"] = newer["rope_theta"]!.DeepClone();
        newer.Remove("rope_scaling");
        newer.Remove("rope_theta");
        newer["rope_parameters"] = parameters;
        using var one = Architecture.Of(older).Initialise(1, CPU);
        using var other = Architecture.Of(newer).Initialise(1, CPU);
        var ids = arange(90, ScalarType.Int64).view(1, 90);

        other.Hidden(ids).ShouldBeCloseTo([.. one.Hidden(ids).contiguous().data<float>()], 0);
    }

    [Fact]
    public void Linear_scaling_puts_positions_closer_together()
    {
        using var scope = NewDisposeScope();
        var plain = new RotaryEmbedding(RotaryPairs.Halves, 4, 100);
        var scaled = plain with { Scaling = new LinearRotaryScaling(2) };

        plain.Frequencies().ShouldBe([1, 0.1f], 1e-7);
        scaled.At(tensor(new long[] { 6 }), ScalarType.Float32).Cos
            .ShouldBeCloseTo([.. plain.At(tensor(new long[] { 3 }), ScalarType.Float32).Cos.data<float>()], 1e-6);
    }

    /// <summary>By hand: at position 1 the pair (1, 0) turns to (cos 1, sin 1), the next by a tenth; the last dimension is no part of it.</summary>
    [Theory]
    [InlineData(RotaryPairs.Halves, new float[] { 1, 1, 0, 0, 7 }, new[] { 0.540302f, 0.995004f, 0.841471f, 0.099833f, 7 })]
    [InlineData(RotaryPairs.Neighbours, new float[] { 1, 0, 1, 0, 7 }, new[] { 0.540302f, 0.841471f, 0.995004f, 0.099833f, 7 })]
    public void Pairs_turn_by_position_times_frequency(RotaryPairs pairs, float[] head, float[] turned)
    {
        using var scope = NewDisposeScope();
        var rotation = new RotaryEmbedding(pairs, 4, 100).At(tensor(new long[] { 1 }), ScalarType.Float32);

        rotation.Apply(tensor(head).view(1, 1, 1, 5)).ShouldBeCloseTo(turned, 1e-6);
    }

    private static JsonObject With(string folder, string key, string value)
    {
        var config = Oracles.Json($"models/{folder}/config.json").AsObject();
        config[key] = JsonNode.Parse(value);
        return config;
    }
}

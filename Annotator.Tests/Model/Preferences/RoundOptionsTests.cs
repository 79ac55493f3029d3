using Annotator.Model.Preferences;

namespace Annotator.Tests.Model.Preferences;

public sealed class RoundOptionsTests
{
    private const string Required = "\"policy\":\"../sft\",\"reference\":\"../sft\"";

    [Fact]
    public void Keys_have_the_names_of_the_field()
    {
        var json = RoundOptions.AppDefaults("p", "r").ToJson();

        foreach (var key in (string[])["policy", "reference", "loss_type", "rankings", "beta", "label_smoothing", "ipo_average", "unlikelihood_alpha", "optimizer",
            "rmsprop_alpha", "rmsprop_epsilon", "adam_beta1", "adam_beta2", "adam_epsilon", "weight_decay", "learning_rate", "lr_scheduler_type",
            "warmup_steps", "batch_size", "micro_batch_size", "num_train_epochs", "max_steps", "early_stopping_patience", "max_grad_norm",
            "logging_steps", "eval_steps", "checkpoint_steps", "seed", "dropout", "weights", "activation_checkpointing", "lora_rank", "lora_alpha",
            "dtype", "device", "threads"])
            json.ShouldContain($"\"{key}\":");
        json.ShouldContain("\"rankings\": \"plackett_luce\"");
        json.ShouldContain("\"lr_scheduler_type\": \"constant_with_warmup\"");
        json.ShouldContain("\"dtype\": \"float32\"");
    }

    [Fact]
    public void Options_come_back_from_their_file_and_both_presets_are_sound()
    {
        foreach (var options in (RoundOptions[])[RoundOptions.AppDefaults("p", "r"), RoundOptions.Paper("p", "r")])
        {
            RoundOptions.Parse(options.ToJson()).ShouldBe(options);
            options.Problems().ShouldBeEmpty();
        }
    }

    [Fact]
    public void What_a_file_leaves_out_takes_the_default() =>
        RoundOptions.Parse($$"""{ {{Required}}, "beta": 0.5, "max_length": null }""")
            .ShouldBe(RoundOptions.AppDefaults("../sft", "../sft") with { Beta = 0.5 });

    [Theory]
    [InlineData($$"""{ {{Required}}, "betta": 1, "lr": 2 }""", "keys that are no options: betta, lr.")]
    [InlineData($$"""{ {{Required}}, "loss_type": "kto" }""", "loss_type: must be one of sigmoid, robust, ipo, hinge, unlikelihood; it is kto.")]
    [InlineData("""{ "policy": "p" }""", "reference")]
    [InlineData($$"""{ {{Required}}, "beta": "high" }""", "beta")]
    [InlineData("[]", "must hold a JSON object")]
    public void A_file_that_is_no_options_file_is_refused_by_key(string json, string reason) =>
        Should.Throw<FormatException>(() => RoundOptions.Parse(json)).Message.ShouldContain(reason);

    [Fact]
    public void Impossible_values_are_named_with_the_value() =>
        (RoundOptions.AppDefaults("p", "r") with { Beta = 0, LabelSmoothing = 0.5, MaxLength = 8, MaxPromptLength = 8 }).Problems().Select(FormattableString.Invariant).ShouldBe(
        [
            "beta must be > 0; it is 0",
            "label_smoothing must be in [0, 0.5); it is 0.5",
            "max_prompt_length must be below max_length (8); it is 8",
        ]);
}

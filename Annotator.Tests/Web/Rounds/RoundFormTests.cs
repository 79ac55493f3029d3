using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Annotator.Model.Preferences;
using Annotator.Tests.Fixtures;
using Annotator.Web.Rounds;

namespace Annotator.Tests.Web.Rounds;

public sealed class RoundFormTests
{
    private static readonly RoundOptions Defaults = RoundOptions.AppDefaults("policy", "reference");

    [Fact]
    public void The_form_offers_every_option_but_the_directories() =>
        JsonSerializer.SerializeToNode(Defaults with { MaxLength = 1, MaxPromptLength = 1, LoraTargetModules = [], ChatTemplate = "plain" }, JsonLines.Spelling)!.AsObject()
            .Select(entry => entry.Key)
            .Except(["policy", "reference"])
            .ShouldBe(RoundOptionField.All.Select(field => field.Key), ignoreOrder: true);

    [Theory]
    [MemberData(nameof(Presets))]
    public void A_preset_comes_back_as_it_went_in(RoundOptions preset)
    {
        var form = new RoundForm(Defaults);
        form.Take(preset);

        form.Problems.ShouldBeEmpty();
        form.Holds(preset).ShouldBeTrue();
        form.ToOptions().ShouldBe(preset);
    }

    public static TheoryData<RoundOptions> Presets =>
    [
        Defaults,
        RoundOptions.Paper("policy", "reference"),
        Defaults with { LossType = LossType.Ipo, IpoAverage = false, Optimizer = OptimizerName.Adamw, WeightDecay = 0.01, MaxLength = 128, Dropout = 0.1 },
    ];

    [Fact]
    public void Small_numbers_read_as_people_write_them()
    {
        var form = new RoundForm(Defaults with { LearningRate = 3e-5, RmspropEpsilon = 1e-8 });

        form["learning_rate"].ShouldBe("3e-5");
        form["rmsprop_epsilon"].ShouldBe("1e-8");
    }

    [Fact]
    public void The_modules_of_adapters_are_words_with_commas_between()
    {
        var form = new RoundForm(Defaults) { ["lora_rank"] = "4", ["lora_target_modules"] = "q_proj, v_proj" };

        form.ToOptions().LoraTargetModules.ShouldBe(["q_proj", "v_proj"]);
        new RoundForm(form.ToOptions())["lora_target_modules"].ShouldBe("q_proj, v_proj");
        form["lora_target_modules"] = "";
        form.ToOptions().LoraTargetModules.ShouldBeNull();
    }

    [Theory]
    [InlineData("lora_target_modules", "q proj", "lora_target_modules must be names with commas between, such as q_proj, v_proj; it is “q proj”.")]
    [InlineData("beta", "0", "beta must be > 0; it is 0.")]
    [InlineData("beta", "a lot", "beta must be a number, such as 0.1 or 1e-6; it is “a lot”.")]
    [InlineData("batch_size", "1.5", "batch_size must be a whole number; it is “1.5”.")]
    [InlineData("batch_size", "", "batch_size is empty: give it a value.")]
    [InlineData("label_smoothing", "0.5", "label_smoothing must be in [0, 0.5); it is 0.5.")]
    public void What_is_wrong_is_said_in_a_sentence_at_its_field(string key, string text, string sentence)
    {
        var form = new RoundForm(Defaults) { [key] = text };

        form.Problems.ToDictionary(problem => problem.Key, problem => EnglishWords.All.Of(problem.Value)).ShouldBe(new Dictionary<string, string> { [key] = sentence });
        Should.Throw<InvalidOperationException>(form.ToOptions);
        form[key] = new RoundForm(Defaults)[key];
        form.Problems.ShouldBeEmpty();
    }

    [Fact]
    public void What_is_wrong_is_said_in_the_language_of_the_page()
    {
        var form = new RoundForm(Defaults) { ["beta"] = "0" };
        var before = CultureInfo.CurrentUICulture;
        try
        {
            CultureInfo.CurrentUICulture = CultureInfo.GetCultureInfo("zh-Hans");
            EnglishWords.All.Of(form.Problems["beta"]).ShouldBe("beta 必须大于 0；现为 0。");
        }
        finally
        {
            CultureInfo.CurrentUICulture = before;
        }
    }

    [Fact]
    public void A_row_keeps_the_options_without_their_directories()
    {
        var text = RoundOptionsText.Format(Defaults with { Beta = 0.3 });

        JsonNode.Parse(text)!.AsObject().ContainsKey("policy").ShouldBeFalse();
        RoundOptionsText.Parse(text).Beta.ShouldBe(0.3);
    }
}

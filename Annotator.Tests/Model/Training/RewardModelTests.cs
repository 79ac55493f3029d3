using System.Text.Json.Nodes;
using Annotator.Model.Checkpoints;
using Annotator.Model.LanguageModels;
using Annotator.Model.Training;
using Annotator.Tests.Fixtures;
using TorchSharp;
using static TorchSharp.torch;

namespace Annotator.Tests.Model.Training;

[Collection(TorchCollection.Name)]
public sealed class RewardModelTests : IDisposable
{
    private static readonly TokenSequence[] Sequences = [new([5, 6, 7], [8, 9]), new([1], [2]), new([3, 4], [5, 6, 7, 8, 9, 10])];

    private readonly TemporaryDirectory _directory = new();

    public static TheoryData<string> Families => [.. Oracles.Models];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _directory.Dispose();

    [Theory]
    [MemberData(nameof(Families))]
    public void Of_every_family_a_saved_reward_model_comes_back_as_a_sequence_classifier_of_hugging_face(string name)
    {
        using var model = RewardModel.FromPolicy(Oracles.Find($"models/{name}"));
        model.Score(Sequences, Cancel).ShouldBe([0, 0, 0]);                                               // the head begins at zero
        SetHead(model);
        model.Mean = 0.25;
        var scores = model.Score(Sequences, Cancel);

        model.Save(_directory["reward"]);

        using var again = RewardModel.Open(_directory["reward"]);
        again.Score(Sequences, Cancel).ShouldBe(scores, 1e-5);                                     // ten or so units in the last place of Float32
        var config = JsonNode.Parse(File.ReadAllText(_directory["reward/config.json"]))!;
        config["architectures"]!.AsArray().Single()!.ToString().ShouldBe(config["model_type"]!.ToString() switch
        {
            "gpt2" => "GPT2ForSequenceClassification",
            "gpt_neox" => "GPTNeoXForSequenceClassification",
            "gptj" => "GPTJForSequenceClassification",
            "llama" => "LlamaForSequenceClassification",
            "mistral" => "MistralForSequenceClassification",
            _ => "Qwen2ForSequenceClassification",
        });
        config["num_labels"]!.GetValue<int>().ShouldBe(1);
        using var weights = Safetensors.Open(_directory["reward/model.safetensors"]);
        weights.Entries["score.weight"].Shape.ShouldBe([1, model.Model.Width]);
        weights.Entries.Keys.ShouldNotContain(key => key.StartsWith("lm_head", StringComparison.Ordinal) || key.StartsWith("embed_out", StringComparison.Ordinal));
    }

    [Fact]
    public void A_reward_is_the_heads_product_with_the_last_tokens_hidden_state_less_the_mean()
    {
        using var model = RewardModel.FromPolicy(Oracles.Find("models/gpt2"));
        SetHead(model);
        model.Mean = 2;
        using var scope = NewDisposeScope();
        using var noGradients = no_grad();

        var scores = model.Score(Sequences, Cancel);

        foreach (var (sequence, score) in Sequences.Zip(scores))
        {
            long[] ids = [.. sequence.PromptIds.Concat(sequence.CompletionIds).Select(id => (long)id)];
            var last = model.Model.Hidden(tensor(ids).unsqueeze(0))[0, ids.Length - 1];
            score.ShouldBe((last * model.Model.Parameters[Architecture.Score][0]).sum().item<float>() - 2, 1e-5);
        }
    }

    [Fact]
    public void Padding_never_hides_a_real_end_token_from_transformers()
    {
        using var model = RewardModel.FromPolicy(TinyPolicy.WriteRandom(_directory["policy"]));

        model.Save(_directory["reward"]);

        JsonNode.Parse(File.ReadAllText(_directory["reward/config.json"]))!["pad_token_id"]!.GetValue<int>().ShouldBe(0xFF);
    }

    [Fact]
    public void A_language_model_is_no_reward_model_and_the_reverse()
    {
        var policy = TinyPolicy.WriteRandom(_directory["policy"]);
        using (var model = RewardModel.FromPolicy(policy))
            model.Save(_directory["reward"]);

        Should.Throw<PolicyException>(() => RewardModel.Open(policy)).Message.ShouldContain("holds no reward model");
        Should.Throw<PolicyException>(() => PolicyDirectory.Open(_directory["reward"])).Message.ShouldContain("score.weight");
    }

    private static void SetHead(RewardModel model)
    {
        using var noGradients = no_grad();
        using var generator = new Generator(3);
        using var values = randn([1, model.Model.Width], generator: generator);
        model.Model.Parameters[Architecture.Score].copy_(values);
    }
}

using Annotator.Model.Checkpoints;
using Annotator.Model.Sampling;
using Annotator.Tests.Fixtures;
using TorchSharp;

namespace Annotator.Tests.Model.Sampling;

[Collection(TorchCollection.Name)]
public sealed class LoadedPoliciesTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly List<string> _opened = [];
    private readonly long _one;
    private IReadOnlyDictionary<string, long> _inMemory = new Dictionary<string, long>();

    public LoadedPoliciesTests()
    {
        foreach (var name in new[] { "a", "b", "c" })
            TinyPolicy.WriteRandom(_directory[name]);
        TinyPolicy.WriteRandom(_directory["long"], contextLength: 4096);
        _one = PolicyDirectory.WeightBytes(_directory["a"]);
    }

    [Fact]
    public void The_least_recently_used_policy_leaves_when_the_next_one_needs_its_room()
    {
        using var policies = Policies(memory: 2 * _one);
        policies.TryGet("a", []);
        policies.TryGet("b", []);
        policies.TryGet("a", []);
        policies.TryGet("c", []);
        _inMemory.Keys.ShouldBe(["a", "c"], ignoreOrder: true);
        _inMemory.Values.Sum().ShouldBe(2 * _one);
        _opened.ShouldBe(["a", "b", "c"]);
    }

    [Fact]
    public void A_policy_in_use_stays_and_nothing_is_closed_in_vain()
    {
        using var policies = Policies(memory: 2 * _one);
        var used = policies.TryGet("a", [])!;
        policies.TryGet("b", []);
        policies.TryGet("c", inUse: ["a"]).ShouldNotBeNull();
        _inMemory.Keys.ShouldBe(["a", "c"], ignoreOrder: true);
        policies.TryGet("b", inUse: ["a", "c"]).ShouldBeNull();
        _inMemory.Keys.ShouldBe(["a", "c"], ignoreOrder: true);
        policies.TryGet("a", inUse: ["a"]).ShouldBe(used);
    }

    [Fact]
    public void The_weights_are_counted_as_they_lie_in_memory()
    {
        using var policies = Policies(memory: long.MaxValue);
        var policy = policies.TryGet("a", [])!;
        _inMemory["a"].ShouldBe(policy.Model.Parameters.Values.Sum(parameter => parameter.numel() * parameter.element_size()));
    }

    [Fact]
    public void A_policy_that_never_fits_is_one_sentence_with_both_amounts_and_closes_nothing()
    {
        using var policies = Policies(memory: 2 * _one);
        policies.TryGet("a", []);
        var fault = Should.Throw<CompletionException>(() => policies.TryGet("long", []));
        fault.Detail.Code.ShouldBe("policy_too_large");
        fault.Message.ShouldContain("--memory");
        fault.Message.ShouldContain(ByteSize.Format(2 * _one));
        _inMemory.Keys.ShouldBe(["a"]);
    }

    [Fact]
    public void A_policy_that_cannot_be_opened_closes_nothing_else_and_can_be_asked_for_again()
    {
        using var policies = Policies(memory: 2 * _one);
        policies.TryGet("a", []);
        var weights = Path.Combine(_directory["b"], PolicyDirectory.WeightsFile);
        var whole = File.ReadAllBytes(weights);
        File.WriteAllBytes(weights, whole[..^100]);
        Should.Throw<PolicyException>(() => policies.TryGet("b", [])).Message.ShouldContain("truncated");
        File.WriteAllBytes(weights, whole);
        policies.TryGet("b", []).ShouldNotBeNull();
    }

    public void Dispose() => _directory.Dispose();

    private LoadedPolicies Policies(long memory) => new(_directory.Path, memory, torch.CPU)
    {
        OnLoaded = (name, _) => _opened.Add(name),
        OnChanged = loaded => _inMemory = loaded,
    };
}

using Annotator.Web.Data;
using Annotator.Web.Policies;

namespace Annotator.Tests.Web.Policies;

public sealed class EvaluatedPairTests
{
    // 0 → 1 → 2, then a roll-back to 1, from which 3 came; 4 was imported.
    private static readonly Policy[] Line = [Policy(0, null), Policy(1, 0), Policy(2, 1), Policy(3, 1), Policy(4, null)];

    [Theory]
    [InlineData(0, null)]
    [InlineData(2, "2-1")]
    [InlineData(3, "3-1")]
    [InlineData(4, "4-3")]
    public void The_serving_policy_is_compared_with_the_one_it_came_from(int serving, string? pair) => Of(new(), Line, serving).ShouldBe(pair);

    [Fact]
    public void Or_with_the_SFT_policy_or_two_that_the_admin_names()
    {
        Of(new() { Pair = EvaluationPair.Sft }, Line, 3).ShouldBe("3-0");
        Of(new() { Pair = EvaluationPair.Sft }, Line, 0).ShouldBeNull();
        Of(new() { Pair = EvaluationPair.Chosen, New = 2, Old = 3 }, Line, 0).ShouldBe("2-3");
        Of(new() { Pair = EvaluationPair.Chosen, New = 2, Old = 9 }, Line, 0).ShouldBeNull();
    }

    [Fact]
    public void While_one_waits_for_the_gate_it_is_that_one_and_the_serving_one()
    {
        Policy[] line = [Policy(0, null), Policy(1, 0), Policy(2, 1)];
        line[2].AwaitsGate = true;

        Of(new() { Pair = EvaluationPair.Sft, GateWinRate = 0.5 }, line, 1).ShouldBe("2-1");
        Of(new() { Pair = EvaluationPair.Sft }, line, 1).ShouldBe("1-0", "a gate that was lifted holds nobody");
    }

    private static string? Of(StudyEvaluation options, IReadOnlyList<Policy> line, int serving) =>
        EvaluatedPair.Of(options, line, serving + 100) is { } pair ? $"{pair.New.Number}-{pair.Old.Number}" : null;

    private static Policy Policy(int number, int? parent) => new() { Id = number + 100, Number = number, Hash = $"{number}", ParentId = parent + 100, CreatedAt = default };
}

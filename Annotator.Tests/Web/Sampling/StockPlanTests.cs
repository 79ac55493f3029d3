using Annotator.Web.Sampling;

namespace Annotator.Tests.Web.Sampling;

public sealed class StockPlanTests
{
    private static readonly StockFacts Empty = new()
    {
        PolicyId = 1,
        Prompts = Prompts(1, 100),
        Uses = new Dictionary<long, int>(),
        Stock = [],
        Seen = [],
    };

    [Fact]
    public void An_empty_stock_is_filled_to_twenty_with_different_prompts() =>
        StockPlan.Next(Empty).Distinct().Count().ShouldBe(20);

    [Fact]
    public void Three_are_kept_for_each_annotator_at_work() =>
        StockPlan.Next(Empty with { Seen = [.. Enumerable.Range(0, 9).Select(_ => new HashSet<long>())] }).Count.ShouldBe(27);

    [Fact]
    public void A_full_stock_asks_for_nothing() =>
        StockPlan.Next(Empty with { Stock = Numbers(1, 20), Uses = UsedOnce(1, 20) }).ShouldBeEmpty();

    [Fact]
    public void The_least_used_prompts_come_first() =>
        StockPlan.Next(Empty with { Uses = UsedOnce(1, 85), Stock = Numbers(1, 4) }).Take(15).Order().ShouldBe(Numbers(86, 15));

    [Fact]
    public void Another_policy_has_its_prompts_in_another_order() =>
        StockPlan.Next(Empty).ShouldNotBe(StockPlan.Next(Empty with { PolicyId = 2 }));

    [Fact]
    public void A_study_of_few_prompts_uses_each_about_as_often() =>
        StockPlan.Next(Empty with { Prompts = Prompts(1, 3) }).CountBy(prompt => prompt).Select(pair => pair.Value).Order().ShouldBe([6, 7, 7]);

    [Fact]
    public void A_study_without_prompts_asks_for_nothing() =>
        StockPlan.Next(Empty with { Prompts = [] }).ShouldBeEmpty();

    [Fact]
    public void A_full_stock_of_prompts_that_an_annotator_has_seen_is_added_to_with_five_that_are_new_to_them()
    {
        var next = StockPlan.Next(Empty with { Stock = Numbers(1, 20), Uses = UsedOnce(1, 100), Seen = [Numbers(1, 90).ToHashSet()] });
        next.Count.ShouldBe(5);
        next.ShouldAllBe(prompt => prompt > 90);
    }

    [Fact]
    public void An_annotator_who_has_seen_every_prompt_of_the_policy_makes_no_work() =>
        StockPlan.Next(Empty with { Stock = Numbers(1, 20), Uses = UsedOnce(1, 100), Seen = [Numbers(1, 100).ToHashSet()] }).ShouldBeEmpty();

    [Fact]
    public void Of_the_least_used_prompts_those_of_higher_priority_come_first() =>
        StockPlan.Next(Empty with { Prompts = [.. Prompts(1, 90), .. Prompts(91, 10, priority: 1)], Uses = UsedOnce(1, 85), Stock = Numbers(1, 4) })
            .Take(10).Order().ShouldBe(Numbers(91, 10));

    private static List<PromptToSample> Prompts(int from, int count, int priority = 0) => [.. Numbers(from, count).Select(id => new PromptToSample(id, priority))];

    private static List<long> Numbers(int from, int count) => [.. Enumerable.Range(from, count).Select(number => (long)number)];

    private static Dictionary<long, int> UsedOnce(int from, int count) => Numbers(from, count).ToDictionary(prompt => prompt, _ => 1);
}

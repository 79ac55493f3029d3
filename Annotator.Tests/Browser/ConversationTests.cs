using Annotator.Model.Preferences;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Annotator.Tests.Browser;

/// <summary>Chats and what is written in them.</summary>
public sealed class ConversationTests(DeskApp desks, Fixtures.Browser browser)
{
    internal const string WithCode =
        """
        Use a **set**: it forgets duplicates, and `sorted` puts the rest in order.

        ```python
        def unique(names: list[str]) -> list[str]:
            # A set keeps one of each.
            return sorted(set(names))
        ```

        | input | result |
        |---|---|
        | `["b", "a", "b"]` | `["a", "b"]` |
        """;

    internal const string WithFormula =
        """
        1. Walk through the list once.
        2. Keep what you have not seen yet: that takes $O(n)$ steps on average, since looking into a set costs $O(1)$.

        Mind that the order of the first appearance is lost if you sort. 🎉
        """;

    internal static readonly ChatMessage[] Turns =
    [
        new("system", "You help people who learn to program."),
        new("user", "What is a list in Python?"),
        new("assistant", "A row of values that you can change: `[1, 2, 3]`."),
        new("user", "How do I remove duplicates from a list of names?"),
    ];

    [Fact]
    public async Task A_chat_is_shown_as_turns_with_roles_and_its_earlier_turns_unfold()
    {
        await using var desk = await ChatAsync("chat", Turns, WithCode, WithFormula);
        var prompt = desk.Page.GetByRole(AriaRole.Region, new() { Name = "Prompt" });

        await Expect(prompt.Locator(".role")).ToHaveTextAsync(["Assistant", "User"]);
        await Expect(prompt).ToContainTextAsync("How do I remove duplicates");
        await desk.ShouldFindNothingAsync("a chat");
        await desk.PressAsync("p");
        await Expect(prompt.Locator(".role")).ToHaveTextAsync(["System prompt", "User", "Assistant", "User"]);
        await desk.PressAsync("p");
        await Expect(prompt.Locator(".role")).ToHaveCountAsync(2);
        await Expect(desk.Page.Locator("article .lead")).ToHaveCountAsync(0);
        desk.Problems.ShouldBeEmpty();
    }

    [Fact]
    public async Task Responses_are_read_as_Markdown_with_coloured_code_tables_and_formulas_as_written()
    {
        await using var desk = await ChatAsync("markdown", Turns, WithCode, WithFormula);
        var code = desk.Page.Locator("article", new() { HasText = "it forgets duplicates" });
        var formula = desk.Page.Locator("article", new() { HasText = "Walk through the list" });

        await Expect(code.Locator("strong")).ToHaveTextAsync("set");
        await Expect(code.Locator("pre .code-keyword").First).ToHaveTextAsync("def");
        await Expect(code.Locator("pre .code-comment")).ToHaveTextAsync("# A set keeps one of each.");
        await Expect(code.Locator("table td").First).ToHaveTextAsync("""["b", "a", "b"]""");
        await Expect(formula.Locator(".formula")).ToHaveTextAsync(["$O(n)$", "$O(1)$"]);
        await Expect(formula.Locator("li")).ToHaveCountAsync(2);
        await desk.ShouldFindNothingAsync("code, tables and formulas");

        // Raw text shows every character, and stays chosen.
        await desk.PressAsync("r");
        await Expect(code.Locator("strong")).ToHaveCountAsync(0);
        await Expect(code).ToContainTextAsync("Use a **set**: it forgets");
        await desk.ReloadAsync();
        await Expect(code).ToContainTextAsync("```python");
        await desk.PressAsync("r");
        await Expect(code.Locator("strong")).ToHaveTextAsync("set");
        desk.Problems.ShouldBeEmpty();
    }

    [Fact]
    public async Task Writing_from_right_to_left_runs_from_the_right()
    {
        await using var desk = await ChatAsync("rtl", [new("user", "مرحبا، كيف حالك؟")], "أنا بخير، شكرا لك.", "I am fine, thank you. 👩‍👩‍👧");

        var arabic = desk.Page.Locator("article .text p", new() { HasText = "بخير" });
        (await arabic.EvaluateAsync<string>("p => getComputedStyle(p).direction")).ShouldBe("rtl");
        (await desk.Page.Locator("article .text p", new() { HasText = "fine" }).EvaluateAsync<string>("p => getComputedStyle(p).direction")).ShouldBe("ltr");
        await Expect(desk.Page.Locator(".turn .readable p")).ToHaveCSSAsync("direction", "rtl");
    }

    [Fact]
    public async Task Of_a_long_text_prompt_the_end_is_in_sight_and_the_rest_one_key_away()
    {
        var story = string.Join(' ', Enumerable.Range(1, 300).Select(i => $"word{i}"));
        await using var desk = await desks.SitDownAsync(browser, "folds", comparisons: 1, fill: (db, study) => db.AddComparison(study, story, null, " and then it ended.", " and went on."));
        var prompt = desk.Page.GetByRole(AriaRole.Region, new() { Name = "Prompt" });

        await Expect(prompt).Not.ToContainTextAsync("word1 word2");
        await Expect(prompt).ToContainTextAsync("word300");
        await desk.PressAsync("p");
        await Expect(prompt).ToContainTextAsync("word1 word2");
        foreach (var name in new[] { "Tie t", "Both bad b" })
        {
            await Expect(desk.Button(name)).ToBeInViewportAsync(new() { Ratio = 1 });
        }
    }

    private Task<DeskScreen> ChatAsync(string userName, IReadOnlyList<ChatMessage> turns, params string[] texts) =>
        desks.SitDownAsync(browser, userName, comparisons: 1, fill: (db, study) => db.AddComparison(study, "", turns, texts));
}

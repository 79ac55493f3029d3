using Annotator.Web.Dataset;
using Annotator.Web.Data;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Annotator.Tests.Browser;

/// <summary>A response edited into a better one.</summary>
public sealed class DeskEditTests(DeskApp desks, Fixtures.Browser browser)
{
    [Fact]
    public async Task An_edited_response_is_kept_as_written_by_a_person_and_preferred_to_its_original()
    {
        await using var desk = await desks.SitDownAsync(browser, "editor");
        var original = await OriginalAsync(desk, place: 1);

        await desk.PressAsync("e", "2");
        var editor = desk.Page.GetByLabel("My version of response 2");
        await Expect(editor).ToBeFocusedAsync();
        await Expect(editor).ToHaveValueAsync(original);
        await desk.ShouldFindNothingAsync("the editor");
        await editor.FillAsync("");
        await desk.Keys.TypeAsync("two better words, t and b");
        await desk.PressAsync("Escape");
        await Expect(desk.Card(2).GetByRole(AriaRole.Region, new() { Name = "My version" })).ToContainTextAsync("two better words, t and b");
        await Expect(desk.Card(2)).ToContainTextAsync(original.Trim()[..20]);
        await desk.JudgeAsync("1");

        // In the history and in the exports it is marked as a person's.
        await desk.PressAsync("h");
        await Expect(desk.Judged).ToContainTextAsync("My version two better words, t and b");
        var export = desk.App.Services.GetRequiredService<DatasetExport>();
        var admin = desk.Annotator.Current with { IsAdmin = true };
        var lines = await export.Trl(admin, desk.StudyId).ToListAsync(TestContext.Current.CancellationToken);
        var edited = lines.Where(line => line.ChosenAuthor is not null).ShouldHaveSingleItem();
        (edited.Chosen.Text, edited.Rejected.Text, edited.RejectedAuthor).ShouldBe(("two better words, t and b", original, null));
        desk.Problems.ShouldBeEmpty();
    }

    [Fact]
    public async Task An_edit_that_changes_nothing_is_none_and_one_can_be_dropped()
    {
        await using var desk = await desks.SitDownAsync(browser, "dropper");

        await desk.PressAsync("e", "ArrowLeft");
        await Expect(desk.Page.GetByLabel("My version of response 1")).ToBeFocusedAsync();
        await desk.PressAsync("Escape");
        await Expect(desk.Card(1).GetByRole(AriaRole.Region, new() { Name = "My version" })).ToHaveCountAsync(0);
        await desk.PressAsync("e", "1");
        await Expect(desk.Page.GetByLabel("My version of response 1")).ToBeFocusedAsync();
        await desk.Keys.TypeAsync(" and more");
        await desk.PressAsync("Escape");
        await desk.Button("Drop my version").ClickAsync();
        await Expect(desk.Card(1).GetByRole(AriaRole.Region, new() { Name = "My version" })).ToHaveCountAsync(0);
        await desk.JudgeAsync("1");

        await using var db = desk.App.OpenDb();
        (await db.Responses.CountAsync(r => r.AuthorId == desk.Annotator.Current.Id, TestContext.Current.CancellationToken)).ShouldBe(0);
    }

    [Fact]
    public async Task The_editor_opens_and_closes_as_fast_as_one_types()
    {
        await using var desk = await desks.SitDownAsync(browser, "hasty-editor");

        for (var time = 0; time < 12; time++)
        {
            await desk.PressAsync("e", "1");
            await Expect(desk.Page.GetByLabel("My version of response 1")).ToBeFocusedAsync();
            await desk.PressAsync("Escape");
        }
    }

    [Fact]
    public async Task Where_a_study_takes_no_edits_there_is_no_key_for_them()
    {
        await using var desk = await desks.SitDownAsync(browser, "no-edits", task => task with { AllowsEdit = false });

        await Expect(desk.Page.Locator("[data-press=edit]")).ToHaveCountAsync(0);
        await desk.PressAsync("e");
        await desk.JudgeAsync("1");

        (await desk.JudgmentsAsync()).ShouldHaveSingleItem().Verdict.ShouldBe(Verdict.Ranked);
    }

    private static async Task<string> OriginalAsync(DeskScreen desk, int place)
    {
        var id = long.Parse(await desk.ComparisonAsync());
        await using var db = desk.App.OpenDb();
        var texts = await db.ComparisonResponses.Where(r => r.ComparisonId == id).OrderBy(r => r.Position).Select(r => r.Response!.Text).ToListAsync();
        var shown = await desk.Card(place + 1).Locator(".text").InnerTextAsync();
        return texts.Single(text => shown.Contains(text.Trim()[..20], StringComparison.Ordinal));
    }
}

using Annotator.Tests.Fixtures;
using Annotator.Tests.Web.Api;
using Annotator.Tests.Web.Webhooks;
using Annotator.Web.Data;
using Annotator.Web.Housekeeping;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Annotator.Tests.Browser;

/// <summary>What an admin looks after beside the studies: keys, webhooks, the log, the disk.</summary>
public sealed class AdministrationPagesTests(WebApp app, Fixtures.Browser browser) : IClassFixture<WebApp>
{
    private static readonly CancellationToken Cancellation = TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_admin_makes_a_key_that_is_shown_once_works_and_ends_when_it_is_revoked()
    {
        await using var page = await browser.OpenAsync(app, await app.CreateAdminAsync());
        await page.GoAsync("/people");
        await page.Page.GetByRole(AriaRole.Link, new() { Name = "Administration" }).ClickAsync();
        await page.Page.GetByRole(AriaRole.Button, new() { Name = "New key" }).ClickAsync();
        await page.Page.GetByLabel("What is it for?").FillAsync("nightly export");
        await page.Page.GetByText("write: run the loop").ClickAsync();
        await page.Page.GetByRole(AriaRole.Button, new() { Name = "Create" }).ClickAsync();
        var key = await page.Page.GetByTestId("secret").InnerTextAsync();
        // It is shown only once: a slip of the finger must not close it.
        await page.Page.Keyboard.PressAsync("Escape");
        await page.Page.GetByRole(AriaRole.Button, new() { Name = "Done" }).ClickAsync();
        var row = page.Page.GetByRole(AriaRole.Row, new() { Name = "nightly export" });
        await Expect(row).ToContainTextAsync("read");
        await Expect(row).ToContainTextAsync("write");
        await Expect(row).ToContainTextAsync($"{key[..8]}…");

        using var client = app.WithKey(key);
        (await client.GetJsonAsync("/api/v1/studies")).Response.EnsureSuccessStatusCode();
        (await client.GetJsonAsync("/api/v1/people")).ShouldBeProblem(403);
        await page.Page.GetByRole(AriaRole.Button, new() { Name = "Revoke nightly export" }).ClickAsync();
        await page.Page.GetByRole(AriaRole.Button, new() { Name = "Revoke", Exact = true }).ClickAsync();
        await Expect(row).ToContainTextAsync("revoked");
        (await client.GetJsonAsync("/api/v1/studies")).ShouldBeProblem(401);

        // What a page does is in the log with the address of the browser.
        await using var db = app.OpenDb();
        (await db.AuditEntries.SingleAsync(a => a.Action == "key.revoke", Cancellation)).ShouldSatisfyAllConditions(a => a.Address.ShouldBe("127.0.0.1"), a => a.ApiKeyId.ShouldBeNull());
        page.Problems.ShouldBeEmpty();
    }

    [Fact]
    public async Task An_admin_adds_a_webhook_tries_it_and_sees_what_became_of_the_message()
    {
        await using var receiver = await Receiver.StartAsync();
        await using var page = await browser.OpenAsync(app, await app.CreateAdminAsync("hooks"));
        await page.GoAsync("/administration/webhooks");
        await page.Page.GetByRole(AriaRole.Button, new() { Name = "New webhook" }).ClickAsync();
        await page.Page.GetByLabel("Address").FillAsync("ftp://nowhere");
        await page.Page.GetByRole(AriaRole.Button, new() { Name = "Create" }).ClickAsync();
        await Expect(page.Page.GetByText("must begin with http:// or https://")).ToBeVisibleAsync();
        await page.Page.GetByLabel("Address").FillAsync(receiver.Url.ToString());
        await page.Page.GetByRole(AriaRole.Button, new() { Name = "Create" }).ClickAsync();
        await Expect(page.Page.GetByTestId("secret")).ToContainTextAsync("whsec_");
        await page.Page.GetByRole(AriaRole.Button, new() { Name = "Done" }).ClickAsync();
        var hook = page.Page.GetByTestId("webhook").Filter(new() { HasText = receiver.Url.ToString() });
        await Expect(hook).ToContainTextAsync("Nothing was sent yet.");

        await hook.GetByRole(AriaRole.Button, new() { Name = "Actions for" }).ClickAsync();
        await page.Page.GetByText("Send a ping").ClickAsync();

        await Expect(hook.GetByTestId("delivery")).ToContainTextAsync("taken with 204");
        receiver.Messages.ShouldHaveSingleItem().Body.ShouldContain("\"ping\"");
        page.Problems.ShouldBeEmpty();
    }

    [Fact]
    public async Task The_log_is_searched_and_read_page_by_page()
    {
        var (ada, eve) = (await app.CreateAdminAsync("log.ada"), await app.CreateAdminAsync("log.eve"));
        await using (var db = app.OpenDb())
        {
            db.AuditEntries.AddRange(Enumerable.Range(1, 120).Select(i => new AuditEntry { PersonId = eve.Current.Id, Action = "test.log", Detail = $"log.eve did thing {i}.", At = DateTime.UtcNow }));
            await db.SaveChangesAsync(Cancellation);
        }

        await using var page = await browser.OpenAsync(app, ada);
        await page.GoAsync("/administration/audit");
        await page.Page.GetByTestId("person").SelectOptionAsync(new SelectOptionValue { Label = "log.eve" });
        await Expect(page.Page.GetByTestId("entry").First).ToContainTextAsync("thing 120.");
        await Expect(page.Page.GetByTestId("entry")).ToHaveCountAsync(50);
        await page.Page.GetByRole(AriaRole.Button, new() { Name = "Show older ones" }).ClickAsync();
        await Expect(page.Page.GetByTestId("entry")).ToHaveCountAsync(100);
        await page.Page.GetByTestId("text").FillAsync("thing 7.");
        await page.Page.Keyboard.PressAsync("Enter");
        await Expect(page.Page.GetByTestId("entry")).ToHaveCountAsync(1);
        var download = await page.Page.RunAndWaitForDownloadAsync(() => page.Page.GetByRole(AriaRole.Link, new() { Name = "CSV" }).ClickAsync());
        (await File.ReadAllLinesAsync(await download.PathAsync(), Cancellation)).Length.ShouldBe(2);
        page.Problems.ShouldBeEmpty();
    }

    [Fact]
    public async Task The_disk_is_tidied_after_a_look()
    {
        Directory.CreateDirectory(app.Data.Policy(new string('a', 64)));
        await File.WriteAllTextAsync(Path.Combine(app.Data.Policy(new string('a', 64)), "config.json"), "{}", Cancellation);
        Directory.SetLastWriteTimeUtc(app.Data.Policy(new string('a', 64)), DateTime.UtcNow - HousekeepingOperations.Grace - TimeSpan.FromMinutes(1));
        await using var page = await browser.OpenAsync(app, await app.CreateAdminAsync("tidy"));
        await page.GoAsync("/administration/housekeeping");
        await Expect(page.Page.GetByTestId("disk")).ToContainTextAsync("Film reviews");
        await Expect(page.Page.GetByTestId("unused")).ToContainTextAsync("aaaaaaaaaaaa");
        await page.Page.GetByRole(AriaRole.Button, new() { Name = "Remove them" }).ClickAsync();
        await page.Page.GetByRole(AriaRole.Button, new() { Name = "Remove", Exact = true }).ClickAsync();
        await Expect(page.Page.GetByText("None: every policy on the disk belongs to a study.")).ToBeVisibleAsync();
        Directory.Exists(app.Data.Policy(new string('a', 64))).ShouldBeFalse();
        page.Problems.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_backup_is_taken_on_the_page_restored_on_the_page_and_the_app_comes_back_with_it()
    {
        await using var process = await AppProcess.StartAsync("--Engine:Enabled=false");
        await using var page = await browser.OpenAsync(process);
        await page.Page.GotoAsync(process.PrintedLink.ToString());
        await page.Page.GetByLabel("User name").FillAsync("ada");
        await page.Page.GetByLabel("Password", new() { Exact = true }).FillAsync("a password of my own");
        await page.Page.GetByLabel("Password again").FillAsync("a password of my own");
        await page.Page.Keyboard.PressAsync("Enter");
        await page.ReadyAsync();
        await page.GoAsync("/administration/housekeeping");
        var download = await page.Page.RunAndWaitForDownloadAsync(() => page.Page.GetByRole(AriaRole.Link, new() { Name = "Download a backup" }).ClickAsync());
        var backup = await download.PathAsync();
        await TestPage.ChooseFileAsync(page.Page.GetByTestId("backup-file"), new FilePayload { Name = "notes.tar", MimeType = "application/x-tar", Buffer = "no backup"u8.ToArray() });
        await Expect(page.Page.GetByRole(AriaRole.Alert).Filter(new() { HasText = "backup" })).ToBeVisibleAsync();

        await TestPage.ChooseFileAsync(page.Page.GetByTestId("backup-file"), backup);
        await Expect(page.Page.GetByTestId("prepared")).ToContainTextAsync("is whole");
        await page.Page.GetByRole(AriaRole.Button, new() { Name = "Restore now" }).ClickAsync();
        await page.Page.GetByRole(AriaRole.Dialog).GetByRole(AriaRole.Button, new() { Name = "Restore now" }).ClickAsync();

        // The same process, over the restored folder.
        await Until.TrueAsync(() => process.Lines.Count(line => line.StartsWith("Annotator is at ", StringComparison.Ordinal)) == 1, seconds: 60);
        Directory.EnumerateDirectories(process.Data, "before-restore-*").ShouldHaveSingleItem();
        Directory.Exists(Path.Combine(process.Data, "restore")).ShouldBeFalse();
    }

    [Fact]
    public async Task The_reference_is_drawn_from_the_app_alone_and_breaks_no_policy()
    {
        await using var page = await browser.OpenAsync(app, await app.CreateAdminAsync("reads"));
        await page.GoAsync("/administration/api");
        await page.Page.GetByRole(AriaRole.Link, new() { Name = "REST reference" }).ClickAsync();
        await Expect(page.Page.GetByRole(AriaRole.Heading, new() { Name = "Annotator" }).First).ToBeVisibleAsync();
        await Expect(page.Page.GetByText("All studies").First).ToBeVisibleAsync();
        await Expect(page.Page.GetByText("/api/v1/studies").First).ToBeVisibleAsync();
        page.Problems.ShouldBeEmpty();

        await page.GoAsync("/administration/api/live");
        await Expect(page.Page.GetByText("accessTokenFactory").First).ToBeVisibleAsync();
        page.Problems.ShouldBeEmpty();
    }
}

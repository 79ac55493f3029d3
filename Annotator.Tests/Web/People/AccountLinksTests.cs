using System.Net;
using Annotator.Tests.Fixtures;
using Annotator.Web.Data;
using Annotator.Web.People;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Annotator.Tests.Web.People;

/// <summary>People join, and renew their password, by links that work once.</summary>
public sealed class AccountLinksTests(WebApp app) : IClassFixture<WebApp>
{
    private static readonly CancellationToken Cancellation = TestContext.Current.CancellationToken;

    private PeopleOperations People => app.Services.GetRequiredService<PeopleOperations>();

    [Fact]
    public async Task Whoever_opens_an_invitation_makes_an_account_with_its_role_and_the_link_works_no_more()
    {
        var admin = (await app.CreateAdminAsync("ada1")).Current;
        var link = await People.InviteAsync(admin, Roles.Viewer, TimeSpan.FromDays(7), Cancellation);
        var form = new Dictionary<string, string> { ["Input.UserName"] = "vera", ["Input.Password"] = "a fine password", ["Input.Repeated"] = "a fine password" };

        using var stranger = app.CreateClient();
        (await stranger.GetStringAsync(link.Path, Cancellation)).ShouldContain("ada1 invites you as viewer");
        (await WebApp.PostFormAsync(stranger, link.Path, form)).Headers.Location!.PathAndQuery.ShouldBe("/");

        (await stranger.GetAsync("/", Cancellation)).Headers.Location!.ToString().ShouldBe("/overview", "a viewer has no desk");
        (await stranger.GetAsync("/dataset", Cancellation)).StatusCode.ShouldBe(HttpStatusCode.OK);
        (await stranger.GetAsync("/people", Cancellation)).StatusCode.ShouldBe(HttpStatusCode.Forbidden);
        (await People.ListAsync(admin, Cancellation)).Single(p => p.UserName == "vera").Role.ShouldBe(Roles.Viewer);
        (await stranger.GetStringAsync(link.Path, Cancellation)).ShouldContain("This link no longer works");
        await using var db = app.OpenDb();
        var token = link.Path.Split('=')[1];
        (await db.AuditEntries.AnyAsync(e => e.Detail.Contains(token), Cancellation)).ShouldBeFalse();
        (await db.AuditEntries.SingleAsync(e => e.Action == "person.join", Cancellation)).Detail.ShouldBe("vera joined with the role viewer, by a link of ada1.");
    }

    [Fact]
    public async Task A_link_whose_form_is_refused_still_works_and_one_that_was_withdrawn_does_not()
    {
        var admin = (await app.CreateAdminAsync("ada2")).Current;
        var link = await People.InviteAsync(admin, Roles.Annotator, TimeSpan.FromDays(1), Cancellation);
        var token = link.Path.Split('=')[1];

        (await Should.ThrowAsync<RefusedException>(() => People.JoinAsync(token, "ADA2", "a fine password", Cancellation))).Message.ShouldContain("taken");
        (await Should.ThrowAsync<RefusedException>(() => People.JoinAsync(token, "ida2", "short", Cancellation))).Message.ShouldContain("10 characters");
        (await People.FindLinkAsync(token, Cancellation)).ShouldNotBeNull();
        await using (var db = app.OpenDb())
        {
            (await db.AccountLinks.SingleAsync(l => l.Id == link.Id, Cancellation)).TokenHash.ShouldNotContain(token);
        }

        await People.WithdrawLinkAsync(admin, link.Id, Cancellation);

        (await Should.ThrowAsync<RefusedException>(() => People.JoinAsync(token, "ida2", "a fine password", Cancellation))).Message.ShouldContain("withdrawn");
        await Should.ThrowAsync<RefusedException>(() => People.WithdrawLinkAsync(admin, link.Id, Cancellation));
    }

    [Fact]
    public async Task An_expired_link_opens_nothing()
    {
        var admin = (await app.CreateAdminAsync("ada3")).Current;
        var link = await People.InviteAsync(admin, Roles.Annotator, TimeSpan.FromDays(1), Cancellation);
        await using (var db = app.OpenDb())
        {
            await db.AccountLinks.Where(l => l.Id == link.Id).ExecuteUpdateAsync(set => set.SetProperty(l => l.ExpiresAt, DateTime.UtcNow.AddSeconds(-1)), Cancellation);
        }

        await Should.ThrowAsync<RefusedException>(() => People.JoinAsync(link.Path.Split('=')[1], "ida3", "a fine password", Cancellation));
        (await People.LinksAsync(admin, Cancellation)).ShouldNotContain(l => l.Id == link.Id);
        (await Should.ThrowAsync<RefusedException>(() => People.InviteAsync(admin, Roles.Annotator, TimeSpan.FromDays(91), Cancellation))).Message.ShouldContain("90 days");
    }

    [Fact]
    public async Task A_forgotten_password_is_renewed_by_a_link_without_an_admin_seeing_it()
    {
        var admin = (await app.CreateAdminAsync("ada4")).Current;
        var ben = await app.CreateAnnotatorAsync("ben4");
        var first = await People.LinkToResetPasswordAsync(admin, ben.Current.Id, TimeSpan.FromDays(1), Cancellation);
        var second = await People.LinkToResetPasswordAsync(admin, ben.Current.Id, TimeSpan.FromDays(1), Cancellation);
        using (await app.SignInAsync(ben))
        {
            // The old password works until the link is used.
        }

        using var stranger = app.CreateClient();
        (await stranger.GetStringAsync(first.Path, Cancellation)).ShouldContain("This link no longer works");
        var sent = await WebApp.PostFormAsync(stranger, second.Path, new() { ["Input.Password"] = "another fine one", ["Input.Repeated"] = "another fine one" });
        sent.Headers.Location!.PathAndQuery.ShouldBe("/sign-in");

        using var again = await app.SignInAsync(ben with { Password = "another fine one" });
        (await stranger.GetStringAsync(second.Path, Cancellation)).ShouldContain("This link no longer works");
    }

    [Fact]
    public async Task A_password_that_was_changed_since_makes_the_link_void_and_a_lock_stays()
    {
        var admin = (await app.CreateAdminAsync("ada5")).Current;
        var ben = (await app.CreateAnnotatorAsync("ben5")).Current;
        var link = await People.LinkToResetPasswordAsync(admin, ben.Id, TimeSpan.FromDays(1), Cancellation);
        await People.ResetPasswordAsync(admin, ben.Id, Cancellation);
        (await People.FindLinkAsync(link.Path.Split('=')[1], Cancellation)).ShouldBeNull();

        await People.SetLockedAsync(admin, ben.Id, locked: true, Cancellation);
        var another = await People.LinkToResetPasswordAsync(admin, ben.Id, TimeSpan.FromDays(1), Cancellation);
        await People.ChoosePasswordAsync(another.Path.Split('=')[1], "a fine password", Cancellation);

        (await People.ListAsync(admin, Cancellation)).Single(p => p.Id == ben.Id).IsLocked.ShouldBeTrue();
    }

    [Fact]
    public async Task A_deleted_account_keeps_its_judgments_under_the_pseudonym_and_its_name_is_free()
    {
        var admin = (await app.CreateAdminAsync("ada6")).Current;
        var ben = await app.CreateAnnotatorAsync("ben6");
        string pseudonym;
        await using (var db = app.OpenDb())
        {
            pseudonym = (await db.Users.SingleAsync(p => p.Id == ben.Current.Id, Cancellation)).Pseudonym;
            var comparison = db.AddComparisons(db.StarterStudy().Id, 1)[0];
            db.Judgments.Add(new()
            {
                ComparisonId = comparison.Id, StudyId = comparison.StudyId, PolicyId = comparison.PolicyId, PromptId = comparison.PromptId, AnnotatorId = ben.Current.Id, Verdict = Verdict.Ranked,
                Ranking = [[0], [1]], SidesShown = [0, 1], Seconds = 3, GuidelinesVersion = 1, RequestId = Guid.NewGuid(), CreatedAt = DateTime.UtcNow,
            });
            await db.SaveChangesAsync(Cancellation);
        }

        await People.DeleteAsync(admin, ben.Current.Id, Cancellation);

        await using var after = app.OpenDb();
        var judgment = await after.Judgments.Include(j => j.Annotator).SingleAsync(j => j.AnnotatorId == ben.Current.Id, Cancellation);
        judgment.Annotator!.Pseudonym.ShouldBe(pseudonym);
        judgment.Annotator.ShouldSatisfyAllConditions(p => p.UserName.ShouldBe(pseudonym), p => p.PasswordHash.ShouldBeNull(), p => p.DeletedAt.ShouldNotBeNull());
        (await People.ListAsync(admin, Cancellation)).ShouldNotContain(p => p.Id == ben.Current.Id);
        using var client = app.CreateClient();
        var answer = await WebApp.PostFormAsync(client, "/sign-in", new() { ["Input.UserName"] = pseudonym, ["Input.Password"] = ben.Password });
        (await answer.Content.ReadAsStringAsync(Cancellation)).ShouldContain("That did not work");
        await app.CreateAnnotatorAsync("ben6");
        (await Should.ThrowAsync<RefusedException>(() => People.DeleteAsync(admin, ben.Current.Id, Cancellation))).Message.ShouldContain("no longer exists");
        await Should.ThrowAsync<RefusedException>(() => People.DeleteAsync(admin, admin.Id, Cancellation));
    }

    [Fact]
    public async Task A_role_is_changed_by_another_admin_and_by_nobody_else()
    {
        var admin = (await app.CreateAdminAsync("ada7")).Current;
        var ben = (await app.CreateAnnotatorAsync("ben7")).Current;
        var vic = (await app.CreateViewerAsync("vic7")).Current;

        await People.SetRoleAsync(admin, ben.Id, Roles.Viewer, Cancellation);
        (await People.ListAsync(admin, Cancellation)).Single(p => p.Id == ben.Id).Role.ShouldBe(Roles.Viewer);

        await Should.ThrowAsync<RefusedException>(() => People.SetRoleAsync(admin, admin.Id, Roles.Annotator, Cancellation));
        (await Should.ThrowAsync<RefusedException>(() => People.SetRoleAsync(admin, ben.Id, "king", Cancellation))).Message.ShouldBe("There is no role king: choose annotator, viewer or admin.");
        foreach (var attempt in (Func<Task>[])
            [
                () => People.InviteAsync(vic, Roles.Admin, TimeSpan.FromDays(1), Cancellation), () => People.LinkToResetPasswordAsync(vic, admin.Id, TimeSpan.FromDays(1), Cancellation),
                () => People.LinksAsync(vic, Cancellation), () => People.WithdrawLinkAsync(vic, 1, Cancellation), () => People.SetRoleAsync(vic, vic.Id, Roles.Admin, Cancellation),
                () => People.DeleteAsync(vic, ben.Id, Cancellation), () => People.ListAsync(vic, Cancellation),
            ])
        {
            await Should.ThrowAsync<NotAllowedException>(attempt);
        }
    }

    [Fact]
    public async Task A_viewer_sees_rounds_and_the_dataset_and_changes_nothing()
    {
        var vic = await app.CreateViewerAsync("vic8");
        await using (var db = app.OpenDb())
        {
            db.StarterStudy();
        }

        using var client = await app.SignInAsync(vic);

        foreach (var path in (string[])["/overview", "/rounds", "/dataset", "/people/work"])
        {
            (await client.GetAsync(path, Cancellation)).StatusCode.ShouldBe(HttpStatusCode.OK, path);
        }

        foreach (var path in (string[])["/study", "/dataset/import", "/people", "/history", "/tour"])
        {
            (await client.GetAsync(path, Cancellation)).StatusCode.ShouldBe(HttpStatusCode.Forbidden, path);
        }
    }
}

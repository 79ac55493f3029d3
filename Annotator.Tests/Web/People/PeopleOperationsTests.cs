using Annotator.Tests.Fixtures;
using Annotator.Web.Data;
using Annotator.Web.People;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Annotator.Tests.Web.People;

public sealed class PeopleOperationsTests(WebApp app) : IClassFixture<WebApp>
{
    private static readonly CancellationToken Cancellation = TestContext.Current.CancellationToken;

    private PeopleOperations People => app.Services.GetRequiredService<PeopleOperations>();

    [Fact]
    public async Task A_new_annotator_signs_in_with_the_password_shown_once_and_the_audit_says_who_made_them()
    {
        var admin = await app.CreateAdminAsync("ada1");

        var given = await People.CreateAsync(admin.Current, " grace ", Roles.Annotator, Cancellation);

        given.UserName.ShouldBe("grace");
        using var client = await app.SignInAsync(new(given.UserName, given.Password, admin.Current));
        var row = (await People.ListAsync(admin.Current, Cancellation)).Single(p => p.UserName == "grace");
        row.ShouldSatisfyAllConditions(r => r.IsAdmin.ShouldBeFalse(), r => r.HasOneTimePassword.ShouldBeTrue(), r => r.IsLocked.ShouldBeFalse(), r => r.Judgments.ShouldBe(0));
        await using var db = app.OpenDb();
        var entry = await db.AuditEntries.SingleAsync(e => e.Action == "person.create" && e.Detail.Contains("grace"), Cancellation);
        entry.PersonId.ShouldBe(admin.Current.Id);
        entry.Detail.ShouldNotContain(given.Password);
    }

    [Fact]
    public async Task A_name_that_is_taken_is_refused_in_words_and_nothing_is_written()
    {
        var admin = await app.CreateAdminAsync("ada2");
        await using var db = app.OpenDb();
        var before = await db.AuditEntries.CountAsync(Cancellation);

        var refused = await Should.ThrowAsync<RefusedException>(() => People.CreateAsync(admin.Current, "ADA2", Roles.Annotator, Cancellation));

        refused.Message.ShouldContain("ADA2");
        (await db.AuditEntries.CountAsync(Cancellation)).ShouldBe(before);
    }

    [Fact]
    public async Task An_annotator_may_do_none_of_it()
    {
        var ben = (await app.CreateAnnotatorAsync("ben3")).Current;

        await Should.ThrowAsync<NotAllowedException>(() => People.ListAsync(ben, Cancellation));
        await Should.ThrowAsync<NotAllowedException>(() => People.CreateAsync(ben, "eve", Roles.Admin, Cancellation));
        await Should.ThrowAsync<NotAllowedException>(() => People.ResetPasswordAsync(ben, ben.Id, Cancellation));
        await Should.ThrowAsync<NotAllowedException>(() => People.SetLockedAsync(ben, ben.Id, locked: false, Cancellation));
    }

    [Fact]
    public async Task An_admin_can_not_lock_themselves_out()
    {
        var admin = (await app.CreateAdminAsync("ada4")).Current;

        (await Should.ThrowAsync<RefusedException>(() => People.SetLockedAsync(admin, admin.Id, locked: true, Cancellation))).Message.ShouldContain("your own account");
    }

    [Fact]
    public async Task A_reset_ends_the_sessions_of_the_old_password_and_opens_an_account_that_guesses_had_closed()
    {
        var admin = await app.CreateAdminAsync("ada5");
        var ben = await app.CreateAnnotatorAsync("ben5");
        await using (var db = app.OpenDb())
        {
            await db.Users.Where(p => p.Id == ben.Current.Id).ExecuteUpdateAsync(set => set.SetProperty(p => p.LockoutEnd, DateTimeOffset.UtcNow.AddMinutes(5)), Cancellation);
        }

        string? StampOf() => app.OpenDb().Users.Single(p => p.Id == ben.Current.Id).SecurityStamp;
        var before = StampOf();
        var given = await People.ResetPasswordAsync(admin.Current, ben.Current.Id, Cancellation);

        using var client = await app.SignInAsync(ben with { Password = given.Password });
        StampOf().ShouldNotBe(before);
    }

    [Fact]
    public async Task Locking_and_unlocking_are_seen_in_the_list_and_a_reset_does_not_unlock()
    {
        var admin = (await app.CreateAdminAsync("ada6")).Current;
        var ben = (await app.CreateAnnotatorAsync("ben6")).Current;
        async Task<bool> IsLockedAsync() => (await People.ListAsync(admin, Cancellation)).Single(p => p.Id == ben.Id).IsLocked;

        await People.SetLockedAsync(admin, ben.Id, locked: true, Cancellation);
        (await IsLockedAsync()).ShouldBeTrue();
        await People.ResetPasswordAsync(admin, ben.Id, Cancellation);
        (await IsLockedAsync()).ShouldBeTrue();
        await People.SetLockedAsync(admin, ben.Id, locked: false, Cancellation);
        (await IsLockedAsync()).ShouldBeFalse();
    }

    [Theory]
    [InlineData(null, "never")]
    [InlineData(0.5, "just now")]
    [InlineData(1.0, "1 minute ago")]
    [InlineData(119.0, "1 hour ago")]
    [InlineData(60.0 * 24 * 3, "3 days ago")]
    [InlineData(60.0 * 24 * 40, "22 April 2026")]
    public void A_time_is_told_as_people_say_it(double? minutesAgo, string expected)
    {
        var now = new DateTime(2026, 6, 1, 12, 0, 0, DateTimeKind.Utc);
        EnglishWords.All.Ago(minutesAgo is { } m ? now.AddMinutes(-m) : null, now).ShouldBe(expected);
    }
}

using Annotator.Tests.Fixtures;
using Annotator.Web.Annotating;
using Annotator.Web.Data;
using Annotator.Web.Studies;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Annotator.Tests.Web.Studies;

/// <summary>Studies come, are copied, are put away, and are open to whom an admin chose.</summary>
public sealed class StudyCreationTests(WebApp app) : IClassFixture<WebApp>
{
    private static readonly CancellationToken Cancel = TestContext.Current.CancellationToken;
    private static readonly CurrentPerson Admin = new("1", "ada", IsAdmin: true, IsAnnotator: true);
    private static readonly StudySettings Settings = new(" Tea ", "Which is **clearer**?", new() { MaxTokens = 32 }, new() { Kind = TaskKind.Ranking, ResponsesPerComparison = 4, Overlap = 2 });

    private StudyOperations Studies => app.Services.GetRequiredService<StudyOperations>();

    private StudyCreation Creation => app.Services.GetRequiredService<StudyCreation>();

    private Desk Desk => app.Services.GetRequiredService<Desk>();

    [Fact]
    public async Task A_new_study_has_its_settings_a_policy_0_and_a_line_in_the_audit()
    {
        var id = await Creation.CreateAsync(Admin, Settings, cancellation: Cancel);

        var row = (await Studies.ListAsync(Admin, Cancel)).Single(study => study.Id == id);
        (row.Name, row.Kind, row.Responses, row.PolicyNumber, row.Judgments, row.Prompts, row.AtWork, row.Members, row.IsArchived).ShouldBe(("Tea", TaskKind.Ranking, 4, 0, 0, 0, 0, null, false));
        (await Studies.FindAsync(Admin, id, Cancel))!.Settings.ShouldBe(Settings.Tidied());
        await using var db = app.OpenDb();
        (await db.AuditEntries.OrderByDescending(e => e.Id).FirstAsync(Cancel)).Action.ShouldBe("study.create");

        (await Should.ThrowAsync<RefusedException>(() => Creation.CreateAsync(Admin, Settings with { Name = " " }, cancellation: Cancel))).Message.ShouldStartWith("The name must have");
        await Should.ThrowAsync<RefusedException>(() => Creation.CreateAsync(Admin, Settings, new string('0', 64), Cancel));
        (await Should.ThrowAsync<RefusedException>(() => Creation.CreateAsync(Admin, Settings with { Members = [] }, cancellation: Cancel))).Message.ShouldContain("at least one person");
    }

    [Fact]
    public async Task A_clone_has_the_settings_and_prompts_and_none_of_the_work()
    {
        var id = await Creation.CreateAsync(Admin, Settings with { Name = "Coffee" }, cancellation: Cancel);
        await using var db = app.OpenDb();
        db.Prompts.AddRange(
            new Prompt { StudyId = id, Text = "User: Strong?", Messages = [new("user", "Strong?")], Priority = 3, Split = PromptSplit.Heldout, CreatedAt = DateTime.UtcNow },
            new Prompt { StudyId = id, Text = "Weak?", IsPaused = true, CreatedAt = DateTime.UtcNow });
        await db.SaveChangesAsync(Cancel);
        db.AddComparisons(id, 1);

        var name = StudyCreation.NameForCopy("Coffee", ["Coffee", "coffee (2)"]);
        name.ShouldBe("Coffee (3)");
        var copy = await Creation.CloneAsync(Admin, id, name, Cancel);

        (await Studies.FindAsync(Admin, copy, Cancel))!.Settings.ShouldBe((await Studies.FindAsync(Admin, id, Cancel))!.Settings with { Name = name });
        var prompts = await db.Prompts.AsNoTracking().Where(p => p.StudyId == copy).OrderBy(p => p.Id).ToListAsync(Cancel);
        prompts.Take(2).Select(p => (p.Text, p.Priority, p.Split, p.IsPaused)).ShouldBe([("User: Strong?", 3, PromptSplit.Heldout, false), ("Weak?", 0, PromptSplit.Train, true)]);
        prompts[0].Messages!.ShouldBe([new("user", "Strong?")]);
        (await db.Comparisons.AnyAsync(c => c.StudyId == copy, Cancel)).ShouldBeFalse();
        (await db.Policies.Where(p => p.StudyId == copy).Select(p => p.Hash).SingleAsync(Cancel)).ShouldBe(await db.Policies.Where(p => p.StudyId == id).Select(p => p.Hash).SingleAsync(Cancel));
    }

    [Fact]
    public async Task Annotators_see_and_judge_only_studies_that_are_open_to_them()
    {
        var (ben, cleo) = ((await app.CreateAnnotatorAsync("ben-b")).Current, (await app.CreateAnnotatorAsync("cleo")).Current);
        var id = await Creation.CreateAsync(Admin, Settings with { Name = "Secret", Members = [ben.Id] }, cancellation: Cancel);
        await using (var db = app.OpenDb())
        {
            db.AddComparisons(id, 3);
        }

        (await Desk.StudiesAsync(ben, TimeSpan.Zero, Cancel)).ShouldContain(study => study.Id == id);
        (await Desk.StudiesAsync(cleo, TimeSpan.Zero, Cancel)).ShouldNotContain(study => study.Id == id);
        (await Desk.StudyAsync(cleo, id, Cancel)).ShouldBeNull();
        (await Desk.NextAsync(new(cleo, id), [], Cancel)).ShouldBeNull();
        (await Desk.WhyEmptyAsync(new(cleo, id), Cancel)).ShouldBe(EmptyDesk.NotOpen);

        var next = (await Desk.NextAsync(new(ben, id), [], Cancel))!;
        JudgeRequest Answer(ShownComparison comparison) => new() { Comparison = comparison, Answer = Annotator.Web.Annotating.Answer.Skip, SkipReason = SkipReason.Other, Seconds = 1, GuidelinesVersion = 1, RequestId = Guid.NewGuid() };
        (await Should.ThrowAsync<RefusedException>(() => Desk.JudgeAsync(new(cleo, id), Answer(next), Cancel))).Message.ShouldContain("not open to you");
        next = (await Desk.JudgeAsync(new(ben, id), Answer(next), Cancel)).Next!;

        await Studies.SetArchivedAsync(Admin, id, true, Cancel);
        await Should.ThrowAsync<RefusedException>(() => Desk.JudgeAsync(new(ben, id), Answer(next), Cancel));
        await Should.ThrowAsync<RefusedException>(() => Desk.UndoAsync(new(ben, id), Guid.NewGuid(), Cancel));
        (await Desk.StudiesAsync(ben, TimeSpan.Zero, Cancel)).ShouldNotContain(study => study.Id == id);

        await Studies.SetArchivedAsync(Admin, id, false, Cancel);
        var settings = (await Studies.FindAsync(Admin, id, Cancel))!.Settings;
        await Studies.SaveAsync(Admin, id, settings with { Members = null }, Cancel);
        (await Desk.StudiesAsync(cleo, TimeSpan.Zero, Cancel)).ShouldContain(study => study.Id == id);
        await using var after = app.OpenDb();
        (await after.StudyMembers.AnyAsync(m => m.StudyId == id, Cancel)).ShouldBeFalse();
        (await after.AuditEntries.Where(e => e.Detail.Contains("Secret")).OrderBy(e => e.Id).Select(e => e.Action).ToListAsync(Cancel))
            .ShouldBe(["study.create", "study.archive", "study.restore", "study.change"]);
    }

    [Fact]
    public async Task Only_an_admin_may_list_create_clone_or_archive()
    {
        var ben = Admin with { IsAdmin = false };

        await Should.ThrowAsync<NotAllowedException>(() => Studies.ListAsync(ben, Cancel));
        await Should.ThrowAsync<NotAllowedException>(() => Studies.JudgesAsync(ben, Cancel));
        await Should.ThrowAsync<NotAllowedException>(() => Studies.NamesAsync(ben, Cancel));
        await Should.ThrowAsync<NotAllowedException>(() => Studies.SetArchivedAsync(ben, 1, true, Cancel));
        await Should.ThrowAsync<NotAllowedException>(() => Creation.CreateAsync(ben, Settings, cancellation: Cancel));
        await Should.ThrowAsync<NotAllowedException>(() => Creation.CloneAsync(ben, 1, "x", Cancel));
    }
}

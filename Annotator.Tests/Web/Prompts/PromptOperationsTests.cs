using Annotator.Tests.Fixtures;
using Annotator.Web.Annotating;
using Annotator.Web.Data;
using Annotator.Web.Prompts;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Annotator.Tests.Web.Prompts;

/// <summary>An admin lists a study's prompts and changes them; the queue follows.</summary>
public sealed class PromptOperationsTests(WebApp app) : IClassFixture<WebApp>, IAsyncLifetime
{
    private static readonly CancellationToken Cancel = TestContext.Current.CancellationToken;
    private static readonly CurrentPerson Admin = new("1", "ada", IsAdmin: true, IsAnnotator: true);
    private long study;

    private PromptOperations Prompts => app.Services.GetRequiredService<PromptOperations>();

    public async ValueTask InitializeAsync()
    {
        study = await app.AddStudyAsync(prompts: 120);
        await using var db = app.OpenDb();
        db.AddPolicy(study);
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Fact]
    public async Task They_are_listed_a_page_at_a_time_and_found_by_text_split_and_state()
    {
        var first = await Prompts.ListAsync(Admin, study, new(), cancellation: Cancel);
        var second = await Prompts.ListAsync(Admin, study, new(), first.Next, cancellation: Cancel);
        var third = await Prompts.ListAsync(Admin, study, new(), second.Next, cancellation: Cancel);
        (first.Rows.Count, second.Rows.Count, third.Rows.Count, third.Next).ShouldBe((50, 50, 20, null));
        first.Rows.Concat(second.Rows).Concat(third.Rows).Select(row => row.Text).ShouldBe(Enumerable.Range(1, 120).Select(i => $"Prompt {i}"));

        // 11 and 110 to 119; capitals and spaces around do not matter.
        (await Prompts.CountAsync(Admin, study, new() { Text = " PROMPT 11 " }, Cancel)).ShouldBe(11);
        (await Prompts.CountAsync(Admin, study, new() { Text = "%" }, Cancel)).ShouldBe(0);

        var last = third.Rows[^1].Id;
        (await Prompts.ChangeAsync(Admin, study, PromptSelection.These([last]), new() { IsPaused = true, Split = PromptSplit.Heldout }, Cancel)).ShouldBe(1);
        (await Prompts.ListAsync(Admin, study, new() { IsPaused = true }, cancellation: Cancel)).Rows.ShouldHaveSingleItem().Id.ShouldBe(last);
        (await Prompts.CountAsync(Admin, study, new() { Split = PromptSplit.Train }, Cancel)).ShouldBe(119);
        await using var db = app.OpenDb();
        (await db.AuditEntries.SingleAsync(e => e.Action == "prompts.change" && e.Detail.Contains($"study {study}"), Cancel)).Detail.ShouldBe($"ada changed prompt {last} of study {study}: paused, held out.");
    }

    [Fact]
    public async Task A_paused_or_held_out_prompt_leaves_the_stock_but_not_a_desk_or_what_is_judged()
    {
        IReadOnlyList<Comparison> comparisons;
        await using (var db = app.OpenDb())
        {
            comparisons = db.AddComparisons(study, 4);
            await db.Comparisons.Where(c => c.Id == comparisons[0].Id).ExecuteUpdateAsync(set => set.SetProperty(c => c.JudgmentCount, 1), Cancel);
            var ben = await app.CreateAnnotatorAsync($"ben{study}");
            db.Leases.Add(new() { ComparisonId = comparisons[1].Id, AnnotatorId = ben.Current.Id, StudyId = study, ExpiresAt = DateTime.UtcNow.AddMinutes(5) });
            await db.SaveChangesAsync(Cancel);
        }

        await Prompts.ChangeAsync(Admin, study, PromptSelection.These([.. comparisons.Take(3).Select(c => c.PromptId)]), new() { IsPaused = true }, Cancel);
        await Prompts.ChangeAsync(Admin, study, PromptSelection.These([comparisons[3].PromptId]), new() { Split = PromptSplit.Heldout }, Cancel);

        await using var after = app.OpenDb();
        (await after.Comparisons.Where(c => c.StudyId == study && c.RetiredAt == null).OrderBy(c => c.Id).Select(c => c.Id).ToListAsync(Cancel)).ShouldBe([comparisons[0].Id, comparisons[1].Id]);
    }

    [Fact]
    public async Task A_prompt_of_higher_priority_comes_first_at_the_desk_also_where_it_was_in_stock_before()
    {
        var desk = app.Services.GetRequiredService<Desk>();
        var seat = new Seat((await app.CreateAnnotatorAsync($"cleo{study}")).Current, study);
        IReadOnlyList<Comparison> comparisons;
        await using (var db = app.OpenDb())
        {
            comparisons = db.AddComparisons(study, 30);
            var before = comparisons.OrderBy(c => c.QueueOrder).Last();
            await Prompts.ChangeAsync(Admin, study, PromptSelection.These([before.PromptId]), new() { Priority = 5 }, Cancel);
            (await desk.NextAsync(seat, [], Cancel))!.Id.ShouldBe(before.Id);
            (await db.Comparisons.AsNoTracking().SingleAsync(c => c.Id == before.Id, Cancel)).QueueOrder.ShouldBe(QueueOrder.Of(0, 5, before.PromptId));
        }

        var all = new PromptFilter();
        (await Prompts.ChangeAsync(Admin, study, PromptSelection.All(all), new() { Priority = -3 }, Cancel)).ShouldBe(150);
        await using var after = app.OpenDb();
        var orders = await after.Comparisons.Where(c => c.StudyId == study).Select(c => new { c.QueueOrder, c.PromptId }).ToListAsync(Cancel);
        orders.ShouldAllBe(c => c.QueueOrder == QueueOrder.Of(0, -3, c.PromptId));
        (await Should.ThrowAsync<RefusedException>(() => Prompts.ChangeAsync(Admin, study, PromptSelection.All(all), new() { Priority = 1001 }, Cancel))).Message.ShouldContain("-1000 to 1000");
        await Should.ThrowAsync<RefusedException>(() => Prompts.ChangeAsync(Admin, study, PromptSelection.All(all), new(), Cancel));
        (await after.AuditEntries.Where(e => e.Action == "prompts.change" && e.Detail.Contains($"study {study}")).CountAsync(Cancel)).ShouldBe(2);
    }

    [Fact]
    public async Task Prompts_of_another_study_are_not_changed_by_their_ids_and_only_an_admin_may()
    {
        var other = await app.AddStudyAsync(prompts: 1);
        var id = (await Prompts.ListAsync(Admin, other, new(), cancellation: Cancel)).Rows[0].Id;

        (await Prompts.ChangeAsync(Admin, study, PromptSelection.These([id]), new() { IsPaused = true }, Cancel)).ShouldBe(0);

        var ben = Admin with { IsAdmin = false };
        await Should.ThrowAsync<NotAllowedException>(() => Prompts.ListAsync(ben, study, new(), cancellation: Cancel));
        await Should.ThrowAsync<NotAllowedException>(() => Prompts.CountAsync(ben, study, new(), Cancel));
        await Should.ThrowAsync<NotAllowedException>(() => Prompts.ChangeAsync(ben, study, PromptSelection.These([id]), new() { IsPaused = true }, Cancel));
    }
}

using Annotator.Model.Tokenization;
using Annotator.Tests.Fixtures;
using Annotator.Web.Data;
using Annotator.Web.Studies;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Annotator.Tests.Web.Studies;

public sealed class StudyOperationsTests(WebApp app) : IClassFixture<WebApp>
{
    private static readonly CancellationToken Cancellation = TestContext.Current.CancellationToken;
    private static readonly CurrentPerson Admin = new("1", "ada", IsAdmin: true, IsAnnotator: true);

    private StudyOperations Studies => app.Services.GetRequiredService<StudyOperations>();

    [Fact]
    public void A_study_offers_the_chat_templates_that_the_sampler_knows() => StudySettings.ChatTemplates.ShouldBe(ChatTemplate.Names);

    [Fact]
    public async Task The_first_run_has_a_study_with_200_prompts_of_which_some_are_held_out()
    {
        await using var fresh = await WebApp.StartAsync();
        var study = (await fresh.Services.GetRequiredService<StudyOperations>().FindAsync(Admin, cancellation: Cancellation))!;

        study.Settings.Name.ShouldBe("Film reviews");
        study.Settings.Guidelines.ShouldContain("Which short review is better?");
        (study.TrainPrompts + study.HeldoutPrompts).ShouldBe(200);
        study.HeldoutPrompts.ShouldBeInRange(30, 50);
    }

    [Fact]
    public async Task A_second_start_seeds_nothing_again()
    {
        await using var another = await WebApp.StartAsync();
        await another.RestartAsync();

        await using var db = another.OpenDb();
        (await db.Studies.CountAsync(Cancellation)).ShouldBe(1);
        (await db.Prompts.CountAsync(Cancellation)).ShouldBe(200);
        (await db.Policies.CountAsync(Cancellation)).ShouldBeLessThanOrEqualTo(1);
    }

    [Fact]
    public async Task Only_a_change_of_the_guidelines_makes_a_new_version_and_every_change_is_in_the_audit()
    {
        var study = (await Studies.FindAsync(Admin, cancellation: Cancellation))!;
        var warmer = study.Settings with { Sampling = study.Settings.Sampling with { Temperature = 1.1 } };

        (await Studies.SaveAsync(Admin, study.Id, warmer, Cancellation)).ShouldBe(study.GuidelinesVersion);
        (await Studies.SaveAsync(Admin, study.Id, warmer with { Guidelines = "Prefer the shorter one.\n" }, Cancellation)).ShouldBe(study.GuidelinesVersion + 1);
        (await Studies.SaveAsync(Admin, study.Id, warmer with { Guidelines = "Prefer the shorter one." }, Cancellation)).ShouldBe(study.GuidelinesVersion + 1);

        var after = (await Studies.FindAsync(Admin, study.Id, Cancellation))!;
        after.Settings.Sampling.Temperature.ShouldBe(1.1);
        await using var db = app.OpenDb();
        var details = await db.AuditEntries.Where(e => e.Action == "study.change").OrderBy(e => e.Id).Select(e => e.Detail).ToListAsync(Cancellation);
        details.Count.ShouldBe(2);
        details[0].ShouldContain("temperature 1.1");
        details[1].ShouldContain("guidelines");
    }

    [Fact]
    public async Task A_higher_overlap_opens_places_and_another_number_of_responses_makes_way_for_new_comparisons()
    {
        await using var fresh = await WebApp.StartAsync();
        var studies = fresh.Services.GetRequiredService<StudyOperations>();
        long id, judged;
        await using (var db = fresh.OpenDb())
        {
            id = db.StarterStudy().Id;
            judged = db.AddComparisons(id, 3)[0].Id;
            await db.Comparisons.Where(c => c.Id == judged).ExecuteUpdateAsync(set => set.SetProperty(c => c.JudgmentCount, 1).SetProperty(c => c.OpenPlaces, 0), Cancellation);
        }

        var settings = (await studies.FindAsync(Admin, id, Cancellation))!.Settings;
        await studies.SaveAsync(Admin, id, settings with { Task = settings.Task with { Overlap = 3, ReasonChips = [" truer ", "", "truer"] } }, Cancellation);
        await using (var db = fresh.OpenDb())
        {
            (await db.Comparisons.OrderBy(c => c.Id).Select(c => c.OpenPlaces).ToListAsync(Cancellation)).ShouldBe([2, 3, 3]);
            (await db.Studies.SingleAsync(s => s.Id == id, Cancellation)).Task.ReasonChips.ShouldBe(["truer"]);
        }

        var ranking = settings with { Task = new() { Kind = TaskKind.Ranking, ResponsesPerComparison = 5 } };
        await studies.SaveAsync(Admin, id, ranking, Cancellation);
        await using (var db = fresh.OpenDb())
        {
            (await db.Comparisons.Where(c => c.RetiredAt == null).Select(c => c.Id).ToListAsync(Cancellation)).ShouldBe([judged]);
        }
    }

    [Theory]
    [InlineData(TaskKind.Pairwise, 3, 1, 0, "two responses")]
    [InlineData(TaskKind.Ranking, 2, 1, 0, "3 to 8")]
    [InlineData(TaskKind.Ranking, 9, 1, 0, "3 to 8")]
    [InlineData(TaskKind.Pairwise, 2, 0, 0, "1 to 50")]
    [InlineData(TaskKind.Pairwise, 2, 1, 0.6, "gold")]
    public void A_task_that_cannot_be_is_refused_in_a_sentence(TaskKind kind, int responses, int overlap, double gold, string named) =>
        new StudySettings("x", "", new(), new() { Kind = kind, ResponsesPerComparison = responses, Overlap = overlap, GoldRate = gold }).Fault(EnglishWords.All).ShouldNotBeNull().ShouldContain(named);

    [Fact]
    public async Task An_annotator_may_neither_read_nor_change_settings()
    {
        var ben = new CurrentPerson("2", "ben", IsAdmin: false, IsAnnotator: true);
        var study = (await Studies.FindAsync(Admin, cancellation: Cancellation))!;

        await Should.ThrowAsync<NotAllowedException>(() => Studies.FindAsync(ben, cancellation: Cancellation));
        await Should.ThrowAsync<NotAllowedException>(() => Studies.SaveAsync(ben, study.Id, study.Settings, Cancellation));
    }

    [Theory]
    [InlineData(0, 1, 0, 64, "temperature")]
    [InlineData(2.01, 1, 0, 64, "temperature")]
    [InlineData(double.NaN, 1, 0, 64, "temperature")]
    [InlineData(1, 0, 0, 64, "Top-p")]
    [InlineData(1, 1.01, 0, 64, "Top-p")]
    [InlineData(1, 1, -1, 64, "Top-k")]
    [InlineData(1, 1, 0, 0, "longest response")]
    [InlineData(1, 1, 0, 1025, "longest response")]
    public async Task A_sampling_option_out_of_range_is_refused_by_name(double temperature, double topP, int topK, int maxTokens, string named)
    {
        var study = (await Studies.FindAsync(Admin, cancellation: Cancellation))!;
        var settings = study.Settings with { Sampling = new() { Temperature = temperature, TopP = topP, TopK = topK, MaxTokens = maxTokens } };

        (await Should.ThrowAsync<RefusedException>(() => Studies.SaveAsync(Admin, study.Id, settings, Cancellation))).Message.ShouldContain(named);
    }
}

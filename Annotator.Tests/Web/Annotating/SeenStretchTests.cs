using Annotator.Tests.Fixtures;
using Annotator.Web.Annotating;
using Annotator.Web.Data;
using Annotator.Web.Studies;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Tests.Web.Annotating;

/// <summary>The queue passes over what an annotator has seen in one step, and must never pass over more.</summary>
public sealed class SeenStretchTests : IDisposable
{
    private readonly DeskDatabase database = new();

    private Desk Desk => database.Desk;
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_was_seen_is_noted_down_and_a_place_that_opens_within_it_is_found()
    {
        database.Ask(task => task with { Overlap = 2 });
        database.AddComparisons(60);
        var (ada, ben, cleo) = (database.AddAnnotator("ada"), database.AddAnnotator("ben"), database.AddAnnotator("cleo"));
        var full = (await Desk.NextAsync(ben, [], Cancel))!;
        await JudgeAsync(ben, full);
        await JudgeAsync(cleo, (await Desk.NextAsync(cleo, [], Cancel))!);
        for (var i = 0; i < 40; i++)
        {
            await JudgeAsync(ada, (await Desk.NextAsync(ada, [], Cancel))!);
        }

        (await StretchesAsync()).ShouldNotBeEmpty();
        var further = (await Desk.NextAsync(ada, [], Cancel))!;

        var undone = (await Desk.UndoAsync(ben, Guid.NewGuid(), Cancel))!;
        await Desk.ReleaseAsync(ben, [undone.Comparison.Id], database.Clock.Now, Cancel);

        undone.Comparison.Id.ShouldBe(full.Id);
        (await Desk.NextAsync(ada, [further.Id], Cancel))!.Id.ShouldBe(full.Id);
    }

    [Fact]
    public async Task However_places_open_and_close_everybody_gets_the_first_that_they_have_not_seen()
    {
        database.Ask(task => task with { Overlap = 2 });
        database.AddComparisons(50);
        Seat[] seats = [database.AddAnnotator("ada"), database.AddAnnotator("ben"), database.AddAnnotator("cleo")];
        var random = new Random(11);
        var stretches = 0;
        for (var i = 0; i < 500; i++)
        {
            // Ada is far ahead of the others.
            var seat = seats[random.Next(8) switch { < 6 => 0, 6 => 1, _ => 2 }];
            database.Clock.Move(TimeSpan.FromSeconds(2));
            var held = await HeldAsync(seat);
            switch (random.Next(12))
            {
                case 0 when held.Count > 0:
                    await Desk.ReleaseAsync(seat, held, database.Clock.Now, Cancel);
                    break;
                case 1:
                    await Desk.UndoAsync(seat, Guid.NewGuid(), Cancel);
                    break;
                case 2 when i % 10 == 0:
                    database.Clock.Move(Desk.Lease + TimeSpan.FromSeconds(1));
                    break;
                case 3 when i % 4 == 0:
                    database.AddComparison();
                    break;
                default:
                    var expected = await FirstUnseenAsync(seat);
                    var next = await Desk.NextAsync(seat, held, Cancel);
                    (next?.Id).ShouldBe(expected, $"step {i}");
                    if (next is not null && random.Next(10) > 0)
                    {
                        await JudgeAsync(seat, next);
                    }

                    break;
            }

            stretches = Math.Max(stretches, (await StretchesAsync()).Count);
        }

        stretches.ShouldBeGreaterThan(2, "otherwise it proves little");
    }

    [Fact]
    public async Task Where_a_study_asks_for_more_judgments_everything_is_looked_at_anew()
    {
        database.AddComparisons(30);
        var (ada, ben) = (database.AddAnnotator("ada"), database.AddAnnotator("ben"));
        for (var i = 0; i < 5; i++)
        {
            await JudgeAsync(ben, (await Desk.NextAsync(ben, [], Cancel))!);
        }

        var first = database.Judgments()[0].ComparisonId;
        while (await Desk.NextAsync(ada, [], Cancel) is { } next)
        {
            await JudgeAsync(ada, next);
        }

        var studies = new StudyOperations(database, database.Gate, database.Clock, EnglishWords.All);
        var admin = ada.Person with { IsAdmin = true };
        var settings = (await studies.FindAsync(admin, database.StudyId, Cancel))!.Settings;
        await studies.SaveAsync(admin, database.StudyId, settings with { Task = settings.Task with { Overlap = 3 } }, Cancel);

        (await Desk.NextAsync(ada, [], Cancel))!.Id.ShouldBe(first);
    }

    public void Dispose() => database.Dispose();

    private Task<JudgeResult> JudgeAsync(Seat seat, ShownComparison shown) => Desk.JudgeAsync(seat, new()
    {
        Comparison = shown, Answer = Answer.Left, Seconds = 2, GuidelinesVersion = 1, RequestId = Guid.NewGuid(),
    }, Cancel);

    private async Task<IReadOnlyList<SeenStretch>> StretchesAsync()
    {
        await using var db = database.CreateDbContext();
        return await db.SeenStretches.AsNoTracking().ToListAsync(Cancel);
    }

    private async Task<IReadOnlyCollection<long>> HeldAsync(Seat seat)
    {
        await using var db = database.CreateDbContext();
        return await db.Leases.Where(l => l.AnnotatorId == seat.Person.Id && l.ExpiresAt > database.Clock.Now).Select(l => l.ComparisonId).ToListAsync(Cancel);
    }

    /// <summary>The same by looking at everything.</summary>
    private async Task<long?> FirstUnseenAsync(Seat seat)
    {
        await using var db = database.CreateDbContext();
        var me = seat.Person.Id;
        var leases = await db.Leases.AsNoTracking().Where(l => l.ExpiresAt > database.Clock.Now).ToListAsync(Cancel);
        var standing = await db.Judgments.AsNoTracking().Where(j => !j.IsSuperseded && j.Verdict != Verdict.Withdrawn).ToListAsync(Cancel);
        var all = await db.Comparisons.AsNoTracking().Where(c => c.RetiredAt == null).OrderBy(c => c.QueueOrder).ThenBy(c => c.Id).ToListAsync(Cancel);
        return all.Find(c => leases.Count(l => l.ComparisonId == c.Id) + standing.Count(j => j.ComparisonId == c.Id) < 2
            && !standing.Exists(j => j.AnnotatorId == me && j.PromptId == c.PromptId) && !leases.Exists(l => l.AnnotatorId == me && l.ComparisonId == c.Id))?.Id;
    }
}

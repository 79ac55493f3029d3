using Annotator.Web.Annotating;

namespace Annotator.Tests.Web.Annotating;

/// <summary>What lies on an annotator's desk, on screen or prefetched, and whose it is.</summary>
public sealed class LeaseTests : IDisposable
{
    private readonly DeskDatabase database = new();
    private readonly Seat ada;
    private readonly Seat ben;

    public LeaseTests() => (ada, ben) = (database.AddAnnotator("ada"), database.AddAnnotator("ben"));

    private Desk Desk => database.Desk;
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_leased_comparison_is_not_given_to_another_until_the_lease_expires()
    {
        database.AddComparison();
        var adas = (await Next(ada))!;

        (await Next(ben)).ShouldBeNull();
        database.Clock.Move(Desk.Lease + TimeSpan.FromSeconds(1));
        (await Next(ben))!.Id.ShouldBe(adas.Id);
    }

    [Fact]
    public async Task A_reload_brings_back_what_was_on_screen_with_the_same_sides()
    {
        database.AddComparisons(5);
        var onScreen = (await Next(ada))!;
        var prefetched = (await Next(ada, onScreen))!;
        database.Clock.Move(TimeSpan.FromMinutes(2));

        var reloaded = (await database.NewDesk().NextAsync(ada, [], Cancel))!;

        (reloaded.Id, reloaded.Left, reloaded.Right).ShouldBe((onScreen.Id, onScreen.Left, onScreen.Right));
        (await Next(ada, reloaded))!.Id.ShouldBe(prefetched.Id);
    }

    [Fact]
    public async Task Leaving_the_page_gives_the_prefetched_comparison_to_others()
    {
        database.AddComparisons(2);
        var onScreen = (await Next(ada))!;
        var prefetched = (await Next(ada, onScreen))!;

        await Desk.ReleaseAsync(ada, [prefetched.Id], database.Clock.Now, Cancel);

        (await Next(ben))!.Id.ShouldBe(prefetched.Id);
    }

    [Fact]
    public async Task A_page_that_is_left_late_keeps_its_hands_off_what_a_newer_page_took_over()
    {
        database.AddComparisons(2);
        var prefetched = (await Next(ada, (await Next(ada))!))!;
        var oldPageAsked = database.Clock.Now;
        database.Clock.Move(TimeSpan.FromSeconds(1));
        await Next(ada, (await Next(ada))!);

        await Desk.ReleaseAsync(ada, [prefetched.Id], oldPageAsked, Cancel);

        (await Next(ben)).ShouldBeNull();
    }

    public void Dispose() => database.Dispose();

    private Task<ShownComparison?> Next(Seat annotator, params ShownComparison[] except) =>
        Desk.NextAsync(annotator, [.. except.Select(c => c.Id)], Cancel);

    private static JudgeRequest Press(ShownComparison comparison, Answer answer) => new()
    {
        Comparison = comparison, Answer = answer, Seconds = 2.5, GuidelinesVersion = 1, RequestId = Guid.NewGuid(),
    };
}

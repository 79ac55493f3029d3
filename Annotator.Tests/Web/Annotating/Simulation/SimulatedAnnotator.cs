using Annotator.Web.Annotating;

namespace Annotator.Tests.Web.Annotating.Simulation;

/// <summary>What an annotator was told is written down: it must be there once, and as it was given.</summary>
internal sealed record Confirmed(Guid RequestId, long ComparisonId, string AnnotatorId, int[][]? Ranking);

/// <summary>
/// One annotator at the desk's operations: judges, now and then takes one back, reloads in the middle, sends a press again
/// because no answer came, or presses in two windows at once.
/// </summary>
internal sealed class SimulatedAnnotator(UnreliableServer server, Seat seat, int seed)
{
    private static readonly Answer[] Answers = [Answer.Left, Answer.Right, Answer.Left, Answer.Right, Answer.Tie, Answer.BothBad];

    private readonly Random random = new(seed);
    private readonly Dictionary<Guid, Confirmed> confirmed = [];

    /// <summary>What stands: what was taken back is not among it.</summary>
    public IReadOnlyCollection<Confirmed> Confirmed => confirmed.Values;

    /// <summary>Presses whose answer never came and that were not sent again, because the page was reloaded.</summary>
    public int Abandoned { get; private set; }

    public int Reloads { get; private set; }

    public int Lost { get; private set; }

    public async Task WorkAsync()
    {
        ShownComparison? onScreen = null;
        while (true)
        {
            onScreen ??= await UntilAnsweredAsync((desk, cancel) => desk.NextAsync(seat, [], cancel));
            if (onScreen is null)
            {
                if (server.IsDone)
                {
                    return;
                }

                await Task.Delay(random.Next(50, 250), TestContext.Current.CancellationToken);
                continue;
            }

            await Task.Delay(random.Next(1, 20), TestContext.Current.CancellationToken);
            if (Happens(0.05))
            {
                await ReloadAsync(onScreen);
            }

            var before = onScreen;
            onScreen = await (Happens(0.03) ? JudgeInTwoWindowsAsync(before) : JudgeAsync(before));
            if (Happens(0.03) && await UntilAnsweredAsync(Undo()) is { } undone)
            {
                // Withdrawn for certain; whether it had been confirmed before or not.
                foreach (var one in confirmed.Values.Where(one => one.ComparisonId == undone.Comparison.Id).ToList())
                {
                    confirmed.Remove(one.RequestId);
                }

                onScreen = undone.Comparison;
            }
        }
    }

    /// <summary>What was on screen is there again, with the same sides.</summary>
    private async Task ReloadAsync(ShownComparison onScreen)
    {
        Reloads++;
        var again = await UntilAnsweredAsync((desk, cancel) => desk.NextAsync(seat, [], cancel));
        again.ShouldNotBeNull();
        again.Id.ShouldBe(onScreen.Id);
        again.Sides.ShouldBe(onScreen.Sides);
    }

    /// <returns>What comes next, if the answer said it.</returns>
    private async Task<ShownComparison?> JudgeAsync(ShownComparison comparison)
    {
        var press = Press(comparison);
        while (true)
        {
            try
            {
                var result = await server.AskAsync((desk, cancel) => desk.JudgeAsync(seat, press, cancel), Happens(0.1) ? TimeSpan.FromMilliseconds(random.Next(12)) : null);
                result.Outcome.ShouldBe(JudgeOutcome.Judged);
                confirmed.Add(press.RequestId, new(press.RequestId, comparison.Id, seat.Person.Id, press.Ranking));
                return result.Next;
            }
            catch (LostException) when (Happens(0.6))
            {
                Lost++; // and the same press is sent again
            }
            catch (LostException)
            {
                Lost++;
                Abandoned++;
                return null;
            }
        }
    }

    /// <summary>The same comparison stands in two windows, and both are answered: one answer counts.</summary>
    private async Task<ShownComparison?> JudgeInTwoWindowsAsync(ShownComparison comparison)
    {
        JudgeRequest[] presses = [Press(comparison), Press(comparison)];
        var results = await Task.WhenAll(presses.Select(press => UntilAnsweredAsync((desk, cancel) => desk.JudgeAsync(seat, press, cancel))));
        results.Select(result => result.Outcome).Order().ShouldBe([JudgeOutcome.Judged, JudgeOutcome.AlreadyJudged]);
        var counted = presses[results[0].Outcome == JudgeOutcome.Judged ? 0 : 1];
        confirmed.Add(counted.RequestId, new(counted.RequestId, comparison.Id, seat.Person.Id, counted.Ranking));
        return null;
    }

    private Func<Desk, CancellationToken, Task<UndoResult?>> Undo()
    {
        var request = Guid.NewGuid();
        return (desk, cancel) => desk.UndoAsync(seat, request, cancel);
    }

    /// <summary>Asks the same again until there is an answer.</summary>
    private async Task<T> UntilAnsweredAsync<T>(Func<Desk, CancellationToken, Task<T>> what)
    {
        while (true)
        {
            try
            {
                return await server.AskAsync(what);
            }
            catch (LostException)
            {
                Lost++;
            }
        }
    }

    private JudgeRequest Press(ShownComparison comparison) => new()
    {
        Comparison = comparison, Answer = Answers[random.Next(Answers.Length)], Seconds = 1, GuidelinesVersion = 1, RequestId = Guid.NewGuid(),
    };

    private bool Happens(double chance) => random.NextDouble() < chance;
}

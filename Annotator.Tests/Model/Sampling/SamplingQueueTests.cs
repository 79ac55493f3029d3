using Annotator.Model.Sampling;

namespace Annotator.Tests.Model.Sampling;

public sealed class SamplingQueueTests : IDisposable
{
    private readonly SamplingQueue _queue = new(capacity: 4);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public void Jobs_of_the_first_ones_policy_are_taken_together_as_long_as_they_fit()
    {
        var (first, other, second, large) = (Job("a", 4), Job("b", 1), Job("a", 4), Job("a", 60));
        foreach (var job in new[] { first, other, second, large })
            _queue.TryAdd(job).ShouldBeTrue();

        _queue.Take(64, Cancellation).ShouldBe([first, second]);
        _queue.Take(64, Cancellation).ShouldBe([other]);
        _queue.Take(64, Cancellation).ShouldBe([large]);
        _queue.Count.ShouldBe(0);
    }

    [Fact]
    public void A_job_that_is_larger_than_a_batch_is_taken_alone()
    {
        var (huge, small) = (Job("a", 100), Job("a", 1));
        _queue.TryAdd(huge);
        _queue.TryAdd(small);
        _queue.Take(64, Cancellation).ShouldBe([huge]);
        _queue.Take(64, Cancellation).ShouldBe([small]);
    }

    [Fact]
    public void A_full_queue_takes_no_more()
    {
        for (var i = 0; i < 4; i++)
            _queue.TryAdd(Job("a", 1)).ShouldBeTrue();
        _queue.TryAdd(Job("a", 1)).ShouldBeFalse();
        _queue.Take(1, Cancellation);
        _queue.TryAdd(Job("a", 1)).ShouldBeTrue();
    }

    [Fact]
    public async Task A_job_whose_client_has_gone_is_passed_over_and_ended()
    {
        var gone = Job("a", 1, gone: true);
        var waiting = Job("b", 1);
        _queue.TryAdd(gone);
        _queue.TryAdd(waiting);
        _queue.Take(64, Cancellation).ShouldBe([waiting]);
        await Should.ThrowAsync<OperationCanceledException>(async () => await gone.Tokens(Cancellation).GetAsyncEnumerator(Cancellation).MoveNextAsync());
    }

    [Fact]
    public void Waiting_ends_when_it_is_cancelled() =>
        Should.Throw<OperationCanceledException>(() => _queue.Take(64, new CancellationToken(canceled: true)));

    public void Dispose() => _queue.Dispose();

    private static SamplingJob Job(string policy, int rows, bool gone = false) => new()
    {
        Policy = policy, Prompts = [CompletionPrompt.FromText("A")], N = rows, Options = new(), Cancelled = new(canceled: gone),
    };
}

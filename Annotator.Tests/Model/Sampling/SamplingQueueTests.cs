using Annotator.Model.Sampling;

namespace Annotator.Tests.Model.Sampling;

public sealed class SamplingQueueTests : IDisposable
{
    private readonly SamplingQueue _queue = new(capacity: 4);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public void Jobs_are_taken_in_the_order_in_which_they_came()
    {
        var jobs = new[] { Job("a", 4), Job("b", 1), Job("a", 60) };
        foreach (var job in jobs)
            _queue.TryAdd(job).ShouldBeTrue();

        _queue.TryTake().ShouldBe(jobs[0]);
        _queue.Take(Cancellation).ShouldBe(jobs[1]);
        _queue.Count.ShouldBe(1);
        _queue.TryTake().ShouldBe(jobs[2]);
        _queue.TryTake().ShouldBeNull();
    }

    [Fact]
    public void A_full_queue_takes_no_more()
    {
        for (var i = 0; i < 4; i++)
            _queue.TryAdd(Job("a", 1)).ShouldBeTrue();
        _queue.TryAdd(Job("a", 1)).ShouldBeFalse();
        _queue.Take(Cancellation);
        _queue.TryAdd(Job("a", 1)).ShouldBeTrue();
    }

    [Fact]
    public async Task A_job_whose_client_has_gone_is_passed_over_and_ended()
    {
        var gone = Job("a", 1, gone: true);
        var waiting = Job("b", 1);
        _queue.TryAdd(gone);
        _queue.TryAdd(waiting);
        _queue.Take(Cancellation).ShouldBe(waiting);
        await Should.ThrowAsync<OperationCanceledException>(async () => await gone.Tokens(Cancellation).GetAsyncEnumerator(Cancellation).MoveNextAsync());
    }

    [Fact]
    public void Waiting_ends_when_it_is_cancelled() =>
        Should.Throw<OperationCanceledException>(() => _queue.Take(new CancellationToken(canceled: true)));

    public void Dispose() => _queue.Dispose();

    private static SamplingJob Job(string policy, int rows, bool gone = false) => new()
    {
        Policy = policy, Prompts = [CompletionPrompt.FromText("A")], N = rows, Options = new(), Cancelled = new(canceled: gone),
    };
}

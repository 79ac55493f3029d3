using Annotator.Tests.Fixtures;
using Annotator.Web.Annotating;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Annotator.Tests.Web.Annotating.Simulation;

/// <summary>The real app, restarted under the feet of those who use it, and a network that loses answers.</summary>
internal sealed class UnreliableServer(WebApp app) : IDisposable
{
    private readonly SemaphoreSlim changed = new(0);
    private readonly Lock @lock = new();
    private CancellationTokenSource life = new();
    private TaskCompletionSource up = Up();
    private int asking;

    public WebApp App => app;

    /// <summary>Nothing is left to judge.</summary>
    public bool IsDone { get; set; }

    public int Restarts { get; private set; }

    /// <summary>Has the desk do something, once the server is up.</summary>
    /// <param name="patience">The connection is lost after this long; null = it holds.</param>
    /// <exception cref="LostException">The answer never arrived; what was asked may have been done or not.</exception>
    public async Task<T> AskAsync<T>(Func<Desk, CancellationToken, Task<T>> what, TimeSpan? patience = null)
    {
        CancellationTokenSource connection;
        while (true)
        {
            await up.Task;
            lock (@lock)
            {
                if (up.Task.IsCompleted)
                {
                    asking++;
                    connection = CancellationTokenSource.CreateLinkedTokenSource(life.Token, TestContext.Current.CancellationToken);
                    break;
                }
            }
        }

        try
        {
            if (patience is { } time)
            {
                connection.CancelAfter(time);
            }

            return await what(app.Services.GetRequiredService<Desk>(), connection.Token);
        }
        catch (OperationCanceledException) when (!TestContext.Current.CancellationToken.IsCancellationRequested)
        {
            throw new LostException();
        }
        finally
        {
            connection.Dispose();
            lock (@lock)
            {
                asking--;
            }

            changed.Release();
        }
    }

    /// <summary>Stops in the middle of whatever is asked of it, and starts again with the same files.</summary>
    public async Task RestartAsync()
    {
        lock (@lock)
        {
            up = Up(isUp: false);
        }

        await life.CancelAsync();
        while (Asking() > 0)
        {
            await changed.WaitAsync();
        }

        await app.RestartAsync();
        life.Dispose();
        life = new();
        Restarts++;
        up.SetResult();
    }

    /// <summary>Restarts as often as told while judgments come in, until each comparison has all it wants.</summary>
    public async Task RunUntilDoneAsync(int overlap, int restarts)
    {
        while (!IsDone)
        {
            await using (var db = app.OpenDb())
            {
                var wanted = await db.Comparisons.CountAsync() * overlap;
                var standing = await db.Comparisons.SumAsync(c => c.JudgmentCount);
                if (standing < wanted && standing >= (Restarts + 1L) * wanted / (restarts + 1))
                {
                    await RestartAsync();
                }

                IsDone = standing == wanted;
            }

            await Task.Delay(100, TestContext.Current.CancellationToken);
        }
    }

    public void Dispose()
    {
        life.Dispose();
        changed.Dispose();
    }

    private int Asking()
    {
        lock (@lock)
        {
            return asking;
        }
    }

    private static TaskCompletionSource Up(bool isUp = true)
    {
        var up = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        if (isUp)
        {
            up.SetResult();
        }

        return up;
    }
}

/// <summary>The connection was lost before the answer came.</summary>
internal sealed class LostException : Exception;

namespace Annotator.Model.Native;

/// <summary>
/// Ends a child with its parent: a process started with <c>--exit-when-stdin-closes</c> holds one end of a pipe as
/// its standard input, and the system closes that pipe when the other end's owner is gone, even by kill -9.
/// </summary>
public static class ParentPipe
{
    /// <summary>The option of every verb that the web app starts as a child.</summary>
    public const string OptionName = "--exit-when-stdin-closes";

    /// <summary>What <c>--help</c> says about it.</summary>
    public const string OptionDescription = "End when standard input closes: for a process that starts this one and must not leave it behind.";

    /// <summary>Starts watching standard input (whatever is written to it is read away). The token is cancelled when it closes.</summary>
    public static CancellationToken WatchStandardInput()
    {
        var closed = new CancellationTokenSource();
        var watcher = new Thread(() =>
        {
            using var input = Console.OpenStandardInput();
            var buffer = new byte[256];
            try
            {
                while (input.Read(buffer) > 0)
                {
                }
            }
            catch (IOException)
            {
                // A pipe that breaks has closed.
            }
            closed.Cancel();
        })
        {
            IsBackground = true,
            Name = "parent pipe",
        };
        watcher.Start();
        return closed.Token;
    }
}

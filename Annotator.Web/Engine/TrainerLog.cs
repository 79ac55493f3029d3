using System.Globalization;
using System.Text;
using Annotator.Model.Preferences;

namespace Annotator.Web.Engine;

/// <summary>What a trainer says, kept in its round's directory with the time (UTC); a resumed round goes on in the same file.</summary>
internal sealed class TrainerLog(RoundDirectory round, TimeProvider clock) : IAsyncDisposable
{
    private readonly StreamWriter writer = new(new FileStream(round.Log, FileMode.Append, FileAccess.Write, FileShare.ReadWrite), new UTF8Encoding(false)) { AutoFlush = true, NewLine = "\n" };
    private readonly Lock writing = new();
    private bool isOver;

    /// <summary>Adds a line. What comes after the end is dropped: a child's child may hold its pipe open.</summary>
    public void Write(string line)
    {
        lock (writing)
        {
            if (!isOver)
            {
                writer.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{clock.GetUtcNow().UtcDateTime:yyyy-MM-dd HH:mm:ss}  {line}"));
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        lock (writing)
        {
            isOver = true;
        }

        await writer.DisposeAsync();
    }
}

namespace Annotator.Web.Data;

/// <summary>
/// Held while the app runs over a data folder: two apps on one would both queue rounds and fill the stock. The operating
/// system lets go of it when the process ends, however it ends.
/// </summary>
public sealed class DataFolderLock(DataFolder folder) : IDisposable
{
    private FileStream? file;

    /// <exception cref="StartupException">Another app has the folder.</exception>
    public void Take()
    {
        try
        {
            file ??= new FileStream(Path.Combine(folder.Root, "annotator.lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e)
        {
            throw new StartupException($"Another Annotator runs over {folder.Root}: stop it first, or choose another folder with --data DIR.", e);
        }
    }

    public void Dispose() => file?.Dispose();
}

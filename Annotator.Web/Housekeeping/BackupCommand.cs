using System.Globalization;
using Annotator.Web.Data;

namespace Annotator.Web.Housekeeping;

/// <summary><c>backup FILE [--data DIR]</c>, also while the app runs, and <c>restore FILE [--data DIR]</c>, while it does not.</summary>
public static class BackupCommand
{
    /// <returns>0; 2 for wrong arguments.</returns>
    /// <exception cref="StartupException">There is nothing to back up, or the file can't be written.</exception>
    public static async Task<int> BackUpAsync(string[] args)
    {
        if (args is not [var file, .. var options] || file.StartsWith('-') || CommandLine.Problem(options) is not null)
        {
            await Console.Error.WriteLineAsync("Usage: backup FILE [--data DIR]");
            return 2;
        }

        await using var app = Program.Build(options);
        var folder = app.Services.GetRequiredService<DataFolder>();
        if (!File.Exists(folder.Database))
        {
            throw new StartupException($"There is no database in {folder.Root}: name the app's data folder with --data DIR.");
        }

        if (File.Exists(file))
        {
            throw new StartupException($"{file} is there already: choose another name, or remove it first.");
        }

        var unfinished = file + ".part";
        try
        {
            BackupManifest manifest;
            await using (var stream = File.Create(unfinished))
            {
                manifest = await app.Services.GetRequiredService<Backup>().WriteFromConsoleAsync(stream);
                stream.Flush(flushToDisk: true);
            }

            File.Move(unfinished, file);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{file}: {Say(manifest)}, {new FileInfo(file).Length:N0} bytes"));
            return 0;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            File.Delete(unfinished);
            throw new StartupException($"The backup {file} can't be written ({e.Message.TrimEnd('.')}).", e);
        }
    }

    /// <returns>0; 2 for wrong arguments.</returns>
    /// <exception cref="StartupException">The file is no backup, or an app runs over the folder.</exception>
    public static async Task<int> RestoreAsync(string[] args)
    {
        if (args is not [var file, .. var options] || file.StartsWith('-') || CommandLine.Problem(options) is not null)
        {
            await Console.Error.WriteLineAsync("Usage: restore FILE [--data DIR]");
            return 2;
        }

        if (!File.Exists(file))
        {
            throw new StartupException($"There is no file {file}.");
        }

        await using var app = Program.Build(options);
        app.TakeDataFolder();
        try
        {
            var restore = app.Services.GetRequiredService<Restore>();
            await using var stream = File.OpenRead(file);
            await restore.PrepareAsync(stream);
            await restore.AgreeFromConsoleAsync("The command line");
            var done = restore.Finish();
            await app.PrepareDataAsync();
            await app.RecordRestoreAsync(done);
            Console.WriteLine(done);
            return 0;
        }
        catch (RefusedException e)
        {
            throw new StartupException(e.Message, e);
        }
    }

    private static string Say(BackupManifest manifest) => string.Create(
        CultureInfo.InvariantCulture, $"backup of {manifest.CreatedAt:yyyy-MM-dd HH:mm} UTC with {manifest.Studies.Count:N0} studies, {manifest.Judgments:N0} judgments, {manifest.Policies:N0} policies, {manifest.Rounds:N0} rounds");
}

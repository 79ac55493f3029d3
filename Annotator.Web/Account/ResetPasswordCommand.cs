using Annotator.Web.Data;
using Annotator.Web.People;

namespace Annotator.Web.Account;

/// <summary><c>reset-password USER [--data DIR]</c>: prints a new one-time password, also while the app runs.</summary>
public static class ResetPasswordCommand
{
    /// <returns>0; 1 if nobody has that name; 2 for wrong arguments.</returns>
    public static async Task<int> RunAsync(string[] args)
    {
        if (args is not [var userName, .. var options] || userName.StartsWith('-') || CommandLine.Problem(options) is not null)
        {
            await Console.Error.WriteLineAsync("Usage: reset-password USER [--data DIR]");
            return 2;
        }

        await using var app = Program.Build(options);
        var folder = app.Services.GetRequiredService<DataFolder>();
        if (!File.Exists(folder.Database))
        {
            throw new StartupException($"There is no database in {folder.Root}: name the app's data folder with --data DIR.");
        }

        await app.PrepareDataAsync();
        if (await app.Services.GetRequiredService<PeopleOperations>().ResetPasswordFromConsoleAsync(userName) is not { } reset)
        {
            throw new StartupException($"Nobody has the user name {userName}.");
        }

        Console.WriteLine($"One-time password of {reset.UserName}: {reset.Password}");
        return 0;
    }
}

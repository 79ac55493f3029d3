using Microsoft.AspNetCore.DataProtection;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Web.Data;

/// <summary>Registers the database and brings it up to date at start.</summary>
/// <remarks>
/// Until the first release there is one migration; whoever changes an entity makes it anew, in the repository root:
/// <code>
/// rm -r Annotator.Web/Data/Migrations; dotnet tool restore; dotnet ef migrations add Initial --project Annotator.Web --output-dir Data/Migrations
/// </code>
/// </remarks>
public static class DatabaseSetup
{
    /// <summary>
    /// The factory alone: it also registers the scoped context that Identity asks for (adding both breaks <c>dotnet ef</c>).
    /// </summary>
    public static void AddData(this WebApplicationBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        var folder = new DataFolder(builder.Configuration["data"] ?? DataFolder.DefaultRoot());
        builder.Services.AddSingleton(folder);
        builder.Services.AddSingleton<DataFolderLock>();
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddDbContextFactory<AnnotatorDbContext>(options => options
            .UseSqlite($"Data Source={folder.Database};Default Timeout=30")
            .AddInterceptors(new SqliteSettings()));
        builder.Services.AddHostedService<WalCheckpoints>();
        builder.Services.AddDataProtection()
            .SetApplicationName("Annotator")
            .PersistKeysToFileSystem(new DirectoryInfo(folder.Keys));
    }

    /// <summary>Makes the data folder this app's alone until it ends.</summary>
    /// <exception cref="StartupException">It can't be written, or another app has it.</exception>
    public static void TakeDataFolder(this WebApplication app)
    {
        ArgumentNullException.ThrowIfNull(app);
        app.Services.GetRequiredService<DataFolder>().Prepare();
        app.Services.GetRequiredService<DataFolderLock>().Take();
    }

    /// <summary>Creates the database in WAL mode if there is none, and applies the migrations it lacks.</summary>
    /// <exception cref="StartupException">The folder or the database can't be used.</exception>
    public static async Task PrepareDataAsync(this WebApplication app, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(app);
        var folder = app.Services.GetRequiredService<DataFolder>();
        folder.Prepare();
        try
        {
            await using var db = await app.Services.GetRequiredService<IDbContextFactory<AnnotatorDbContext>>().CreateDbContextAsync(cancellation);
            await db.Database.MigrateAsync(cancellation);
        }
        catch (SqliteException e)
        {
            throw new StartupException(
                $"The database {folder.Database} can't be used ({e.Message.TrimEnd('.')}): move it away, or choose another folder with --data DIR.", e);
        }
    }
}

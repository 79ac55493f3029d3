using Annotator.Web.Data;
using Microsoft.AspNetCore.Authorization;

namespace Annotator.Web.Housekeeping;

/// <summary>Disk, backup and restore.</summary>
public static class HousekeepingSetup
{
    public static void AddHousekeeping(this WebApplicationBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.AddSingleton<FilesInUse>();
        builder.Services.AddSingleton<HousekeepingOperations>();
        builder.Services.AddSingleton<Backup>();
        builder.Services.AddSingleton<Restore>();
        builder.Services.AddSingleton<Restarts>();
    }

    /// <summary>Lets a backup that was prepared on the page take its place; once the folder is the app's, before its database is opened.</summary>
    /// <returns>What was done, for <see cref="RecordRestoreAsync"/>; null if there was nothing to do.</returns>
    public static string? FinishRestore(this WebApplication app)
    {
        ArgumentNullException.ThrowIfNull(app);
        return app.Services.GetRequiredService<Restore>().Finish();
    }

    /// <summary>Says in the log what was done; once the database is there.</summary>
    public static Task RecordRestoreAsync(this WebApplication app, string? done)
    {
        ArgumentNullException.ThrowIfNull(app);
        return done is null ? Task.CompletedTask : app.Services.GetRequiredService<Restore>().RecordAsync(done);
    }

    /// <summary><c>GET /housekeeping/backup.tar</c>, for admins.</summary>
    public static void MapHousekeeping(this WebApplication app)
    {
        ArgumentNullException.ThrowIfNull(app);
        app.MapGet("/housekeeping/backup.tar", Download).RequireAuthorization(new AuthorizeAttribute { Roles = Roles.Admin });
    }

    internal static IResult Download(HttpContext http, Backup backup, TimeProvider clock) => TypedResults.Stream(
        body => backup.WriteAsync(CurrentPerson.From(http.User), body, http.RequestAborted), "application/x-tar", $"annotator-{clock.GetUtcNow():yyyy-MM-dd}.tar");
}

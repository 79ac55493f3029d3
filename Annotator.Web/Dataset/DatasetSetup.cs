using Annotator.Web.Data;
using Annotator.Web.Dataset.Browsing;
using Annotator.Web.Dataset.Importing;
using Microsoft.AspNetCore.Http.Features;

namespace Annotator.Web.Dataset;

/// <summary>The exports as downloads, and imports.</summary>
public static class DatasetSetup
{
    public static void AddDataset(this WebApplicationBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.AddSingleton<DatasetExport>();
        builder.Services.AddSingleton<DatasetArchive>();
        builder.Services.AddSingleton<DatasetCounting>();
        builder.Services.AddSingleton<DatasetBrowser>();
        builder.Services.AddSingleton<Uploads>();
        builder.Services.AddSingleton<LengthCheck>();
        builder.Services.AddSingleton<DatasetImport>();
    }

    /// <summary>Removes uploads and half imports of an earlier run; once the database is there, before anybody is let in.</summary>
    public static Task TidyDatasetAsync(this WebApplication app)
    {
        ArgumentNullException.ThrowIfNull(app);
        app.Services.GetRequiredService<Uploads>().Clear();
        return app.Services.GetRequiredService<DatasetImport>().RemoveUnfinishedAsync();
    }

    /// <summary><c>GET /dataset/{studyId}/{file}</c>, each of <see cref="DatasetFile.All"/>, and with <c>.zip</c> after it the file with its card and checksum; for admins and viewers.</summary>
    public static void MapDataset(this WebApplication app)
    {
        ArgumentNullException.ThrowIfNull(app);
        app.MapGet("/dataset/{studyId:long}/{name}", DownloadAsync).RequireAuthorization(policy => policy.RequireRole(Roles.Admin, Roles.Viewer));
    }

    private static async Task<IResult> DownloadAsync(long studyId, string name, HttpContext http, DatasetExport export, DatasetArchive archive)
    {
        var (who, zipped) = (CurrentPerson.From(http.User), name.EndsWith(".zip", StringComparison.Ordinal));
        if (DatasetFile.Find(zipped ? name[..^".zip".Length] : name) is not { } file)
        {
            return Results.NotFound();
        }

        if (await export.ProblemAsync(who, studyId, file, http.RequestAborted) is { } problem)
        {
            return Results.Text(problem, statusCode: StatusCodes.Status409Conflict);
        }

        // A zip's directory and the foot of a Parquet file are written synchronously, whatever one does; they are small.
        http.Features.GetRequiredFeature<IHttpBodyControlFeature>().AllowSynchronousIO = true;
        return zipped
            ? TypedResults.Stream(body => archive.WriteAsync(who, studyId, file, body, http.RequestAborted), "application/zip", $"study-{studyId}-{name}")
            : TypedResults.Stream(body => export.WriteAsync(who, studyId, file, body, http.RequestAborted), file.ContentType, $"study-{studyId}-{name}");
    }
}

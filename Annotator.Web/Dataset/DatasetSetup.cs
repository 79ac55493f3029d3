using Annotator.Model.Preferences;
using Annotator.Web.Data;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Annotator.Web.Dataset;

/// <summary>The exports as downloads.</summary>
public static class DatasetSetup
{
    public static void AddDataset(this WebApplicationBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.AddSingleton<DatasetExport>();
    }

    /// <summary><c>GET /dataset/{studyId}/trl.jsonl</c>, <c>ranking.jsonl</c> and <c>log.jsonl</c>, for admins.</summary>
    public static void MapDataset(this WebApplication app)
    {
        ArgumentNullException.ThrowIfNull(app);
        var downloads = app.MapGroup("/dataset/{studyId:long}").RequireAuthorization(policy => policy.RequireRole(Roles.Admin));
        downloads.MapGet("/trl.jsonl", (long studyId, HttpContext http, DatasetExport export) =>
            Download($"study-{studyId}-trl.jsonl", export.Trl(CurrentPerson.From(http.User), studyId), http.RequestAborted));
        downloads.MapGet("/ranking.jsonl", (long studyId, HttpContext http, DatasetExport export) =>
            Download($"study-{studyId}-ranking.jsonl", export.Rankings(CurrentPerson.From(http.User), studyId), http.RequestAborted));
        downloads.MapGet("/log.jsonl", (long studyId, HttpContext http, DatasetExport export) =>
            Download($"study-{studyId}-log.jsonl", export.Log(CurrentPerson.From(http.User), studyId), http.RequestAborted));
    }

    private static PushStreamHttpResult Download<T>(string fileName, IAsyncEnumerable<T> lines, CancellationToken aborted) =>
        TypedResults.Stream(body => JsonLines.WriteAsync(body, lines, aborted), "application/jsonl; charset=utf-8", fileName);
}

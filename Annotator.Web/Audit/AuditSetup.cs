using Annotator.Web.Data;

namespace Annotator.Web.Audit;

/// <summary>The log of who did what, and its download.</summary>
public static class AuditSetup
{
    public static void AddAudit(this WebApplicationBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.AddSingleton<AuditLog>();
    }

    /// <summary>After it is known who asks: from then on audit rows say from where.</summary>
    public static void UseAudit(this WebApplication app) => app.UseMiddleware<RequestOrigins>();

    /// <summary><c>GET /audit/audit.jsonl</c> and <c>.csv</c>, with the page's filter; for admins.</summary>
    public static void MapAudit(this WebApplication app)
    {
        ArgumentNullException.ThrowIfNull(app);
        app.MapGet("/audit/audit.{ending:regex(^(jsonl|csv)$)}", (HttpContext http, string ending, string? person, string? action, string? text, AuditLog log) =>
        {
            var filter = new AuditFilter { PersonId = Some(person), Action = Some(action), Text = Some(text) };
            return TypedResults.Stream(
                body => log.WriteAsync(CurrentPerson.From(http.User), filter, ending, body, http.RequestAborted), ContentType(ending), $"audit.{ending}");
        }).RequireAuthorization(policy => policy.RequireRole(Roles.Admin));
    }

    internal static string ContentType(string ending) => ending == "csv" ? "text/csv; charset=utf-8" : "application/jsonl; charset=utf-8";

    private static string? Some(string? text) => string.IsNullOrWhiteSpace(text) ? null : text;
}

namespace Annotator.Web.Overview;

/// <summary>Registers what the overview page reads.</summary>
public static class OverviewSetup
{
    public static void AddOverview(this WebApplicationBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.AddSingleton<JudgmentDays>();
        builder.Services.AddSingleton<OverviewReader>();
    }
}

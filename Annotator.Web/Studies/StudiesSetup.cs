namespace Annotator.Web.Studies;

public static class StudiesSetup
{
    public static void AddStudies(this WebApplicationBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
    }

    /// <summary>The first run's study.</summary>
    public static Task SeedStudyAsync(this WebApplication app)
    {
        ArgumentNullException.ThrowIfNull(app);
        return Task.CompletedTask;
    }
}

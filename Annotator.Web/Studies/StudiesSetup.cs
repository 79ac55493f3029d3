using Annotator.Web.Studies.Gold;

namespace Annotator.Web.Studies;

/// <summary>Studies: their settings, new ones, their gold comparisons, and the one that the first run begins with.</summary>
public static class StudiesSetup
{
    public static void AddStudies(this WebApplicationBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.AddSingleton(StarterFiles.From(builder.Configuration));
        builder.Services.AddSingleton<StarterStudy>();
        builder.Services.AddSingleton<StudyOperations>();
        builder.Services.AddSingleton<StudyCreation>();
        builder.Services.AddSingleton<GoldOperations>();
        builder.Services.AddScoped<CurrentStudy>();
    }

    /// <inheritdoc cref="StarterStudy.EnsureAsync" />
    public static Task SeedStudyAsync(this WebApplication app)
    {
        ArgumentNullException.ThrowIfNull(app);
        return app.Services.GetRequiredService<StarterStudy>().EnsureAsync();
    }
}

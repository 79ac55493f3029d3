using Annotator.Web.Annotating.Reading;
using Annotator.Web.Annotating.Tour;
using Annotator.Web.Data;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Annotator.Web.Annotating;

/// <summary>Registers the desk.</summary>
public static class AnnotatingSetup
{
    public static void AddAnnotating(this WebApplicationBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.TryAddSingleton<WriteGate>();
        builder.Services.AddSingleton(provider => SideOrder.FromKeyFile(provider.GetRequiredService<DataFolder>()));
        builder.Services.AddSingleton<Desk>();
        builder.Services.AddSingleton<ReadableTexts>();
        builder.Services.AddSingleton<TourSeen>();
        builder.Services.AddScoped<ChosenStudy>();
    }
}

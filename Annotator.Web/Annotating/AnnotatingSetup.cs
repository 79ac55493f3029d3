using Annotator.Web.Data;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Annotator.Web.Annotating;

/// <summary>What the desk needs from the host.</summary>
public static class AnnotatingSetup
{
    public static IServiceCollection AddAnnotating(this IServiceCollection services)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton<WriteGate>();
        services.AddSingleton(provider => SideOrder.FromKeyFile(provider.GetRequiredService<DataFolder>()));
        return services.AddSingleton<Desk>();
    }
}

using Annotator.Web.Data;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Annotator.Web.Sampling;

/// <summary>Registers the producer of comparisons.</summary>
public static class SamplingSetup
{
    public static void AddSampling(this WebApplicationBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.TryAddSingleton<WriteGate>();
        builder.Services.AddSingleton<StudyStock>();
        builder.Services.AddSingleton<EvaluationStock>();
        builder.Services.AddSingleton<ComparisonSampler>();
        builder.Services.AddSingleton<SampleProducer>();
        builder.Services.AddHostedService(provider => provider.GetRequiredService<SampleProducer>());
    }
}

namespace Annotator.Web.Evaluations;

/// <summary>Registers blind evaluation: what the pages read and set, and the gate.</summary>
public static class EvaluationsSetup
{
    public static void AddEvaluations(this WebApplicationBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.AddSingleton<EvaluationTally>();
        builder.Services.AddHostedService(services => services.GetRequiredService<EvaluationTally>());
        builder.Services.AddSingleton<RoundKl>();
        builder.Services.AddSingleton<EvaluationReader>();
        builder.Services.AddSingleton<EvaluationOperations>();
        builder.Services.AddSingleton<PromotionGate>();
        builder.Services.AddHostedService(services => services.GetRequiredService<PromotionGate>());
    }
}

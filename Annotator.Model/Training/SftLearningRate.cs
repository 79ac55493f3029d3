namespace Annotator.Model.Training;

/// <summary>The learning rate as a part of its peak.</summary>
public static class SftLearningRate
{
    /// <param name="options">Schedule, warm-up and least rate.</param>
    /// <param name="step">The update about to be made, from 0.</param>
    /// <param name="progress">How much of the run is behind it, 0 to 1, by updates or by the clock.</param>
    /// <returns>0 to 1.</returns>
    public static double Factor(SftOptions options, long step, double progress)
    {
        var warmth = options.WarmupSteps == 0 ? 1 : Math.Min(1, (step + 1.0) / options.WarmupSteps);
        var left = 1 - Math.Clamp(progress, 0, 1);
        var shape = options.Schedule switch
        {
            SftSchedule.Cosine => 0.5 * (1 - Math.Cos(Math.PI * left)),
            SftSchedule.Linear => left,
            SftSchedule.Wsd when options.DecayRatio > 0 => Math.Min(1, left / options.DecayRatio),
            _ => 1,
        };
        return warmth * (options.LeastRateRatio + (1 - options.LeastRateRatio) * shape);
    }
}

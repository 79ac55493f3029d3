using Annotator.Model.Preferences;

namespace Annotator.Model.Training;

/// <summary>The learning rate over a training, as a pure function of the step.</summary>
public static class DpoLearningRate
{
    /// <summary>
    /// A linear warm-up to <paramref name="peak"/>, (step+1)/(warmup+1) as in the reference implementation of DPO (so
    /// that no update is wasted at rate 0), then constant, or down to 0 at <paramref name="maxSteps"/> by a cosine or a line.
    /// </summary>
    /// <param name="schedule">The shape after the warm-up.</param>
    /// <param name="peak">The highest rate.</param>
    /// <param name="warmupSteps">Updates of the warm-up.</param>
    /// <param name="maxSteps">Updates in all.</param>
    /// <param name="step">Updates already made.</param>
    public static double At(LearningRateSchedule schedule, double peak, int warmupSteps, int maxSteps, int step)
    {
        if (step < warmupSteps)
            return peak * (step + 1) / (warmupSteps + 1);
        var progress = (double)(step - warmupSteps) / Math.Max(1, maxSteps - warmupSteps);
        return peak * schedule switch
        {
            LearningRateSchedule.Cosine => 0.5 * (1 + Math.Cos(Math.PI * progress)),
            LearningRateSchedule.Linear => 1 - progress,
            _ => 1,
        };
    }
}

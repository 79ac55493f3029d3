using Annotator.Model.Preferences;
using Annotator.Model.Training;

namespace Annotator.Tests.Model.Training;

/// <summary>Which data at which learning rate: pure functions of the step.</summary>
public sealed class DpoScheduleTests
{
    [Fact]
    public void Every_epoch_trains_on_every_comparison_once_in_an_order_of_its_own()
    {
        var epochs = Enumerable.Range(0, 2)
            .Select(epoch => Enumerable.Range(epoch * 4, 4).SelectMany(step => DataOrder.Batch(10, 3, seed: 7, step)).ToList())
            .ToList();

        DataOrder.StepsPerEpoch(10, 3).ShouldBe(4);
        DataOrder.Batch(10, 3, 7, 3).Length.ShouldBe(1);
        epochs.ShouldAllBe(epoch => epoch.Order().SequenceEqual(Enumerable.Range(0, 10)));
        epochs[0].ShouldNotBe(epochs[1]);
    }

    [Fact]
    public void The_order_depends_on_the_seed_and_on_nothing_else()
    {
        DataOrder.Batch(8, 8, seed: 1, step: 0).ShouldBe(DataOrder.Batch(8, 8, seed: 1, step: 0));
        DataOrder.Batch(8, 8, seed: 2, step: 0).ShouldNotBe(DataOrder.Batch(8, 8, seed: 1, step: 0));
        DataOrder.Batch(5, 5, seed: 0, step: 0).ShouldBe([2, 3, 1, 4, 0]); // Must never change: resumed rounds rely on it.
    }

    [Fact]
    public void The_learning_rate_rises_in_a_line_and_then_keeps_its_shape()
    {
        Rates(LearningRateSchedule.ConstantWithWarmup).ShouldBe([0.25, 0.5, 0.75, 1, 1, 1, 1], tolerance: 1e-12);
        Rates(LearningRateSchedule.Linear).ShouldBe([0.25, 0.5, 0.75, 1, 0.75, 0.5, 0.25], tolerance: 1e-12);
        Rates(LearningRateSchedule.Cosine)[5].ShouldBe(0.5, 1e-12);

        static double[] Rates(LearningRateSchedule schedule) =>
            [.. Enumerable.Range(0, 7).Select(step => DpoLearningRate.At(schedule, peak: 1, warmupSteps: 3, maxSteps: 7, step))];
    }
}

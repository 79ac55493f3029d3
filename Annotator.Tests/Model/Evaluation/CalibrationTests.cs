using Annotator.Model.Evaluation;

namespace Annotator.Tests.Model.Evaluation;

public sealed class CalibrationTests
{
    [Fact]
    public void The_error_is_the_distance_of_accuracy_from_confidence_in_each_bin_weighted_by_its_pairs()
    {
        // Four pairs at confidence 0.8, of which two are right; one, right, at 0.6.
        double eighty = Math.Log(4), sixty = Math.Log(1.5);

        var error = Calibration.ExpectedError([eighty, eighty, -eighty, -eighty, sixty]);

        error.ShouldBe((4 * 0.3 + 1 * 0.4) / 5, 1e-12);
    }

    [Fact]
    public void A_model_as_often_right_as_it_says_has_no_error() =>
        Calibration.ExpectedError([.. Enumerable.Repeat(Math.Log(3), 3), -Math.Log(3)]).ShouldBe(0, 1e-12);

    [Fact]
    public void A_model_that_says_nothing_is_half_right() => Calibration.ExpectedError([0, 0, 0]).ShouldBe(0, 1e-12);
}

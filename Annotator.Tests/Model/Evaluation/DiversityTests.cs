using Annotator.Model.Evaluation;

namespace Annotator.Tests.Model.Evaluation;

public sealed class DiversityTests
{
    [Fact]
    public void Distinct_n_is_the_share_of_different_runs_in_all_responses()
    {
        int[][] responses = [[1, 2, 1, 2], [1, 2]];

        Diversity.Distinct(responses, 1).ShouldBe(2.0 / 6);                                       // 1 and 2 of six tokens
        Diversity.Distinct(responses, 2).ShouldBe(2.0 / 4);                                       // 12, 21, 12 and 12
        Diversity.Distinct(responses, 5).ShouldBeNull();
    }

    [Fact]
    public void Repetition_is_the_share_of_runs_that_a_response_had_before()
    {
        Diversity.Repetition([[1, 2, 1, 2, 1]], 2).ShouldBe(0.5);                                 // 12, 21, then both again
        Diversity.Repetition([[7, 7, 7, 7, 7], [1, 2, 3, 4, 5], [1]], 4).ShouldBe(0.5 / 3, 1e-12);
    }
}

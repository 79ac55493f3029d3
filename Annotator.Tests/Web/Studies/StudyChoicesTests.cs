using Annotator.Web.Studies;

namespace Annotator.Tests.Web.Studies;

public sealed class StudyChoicesTests
{
    private static readonly StudyName[] All = [new(2, "Tea", false), new(3, "Coffee", false), new(1, "Old", true)];

    [Theory]
    [InlineData(3L, 1L, 3)]     // the address
    [InlineData(null, 1L, 1)]   // the one chosen before, archived or not
    [InlineData(99L, 3L, 3)]    // an address of a study that is gone
    [InlineData(99L, 98L, 2)]
    [InlineData(null, null, 2)] // the first that is not archived
    public void The_study_is_the_one_asked_for_else_the_one_chosen_before_else_the_first(long? asked, long? before, long chosen) =>
        StudyChoices.Of(All, asked, before).Chosen!.Id.ShouldBe(chosen);

    [Fact]
    public void Without_any_study_none_is_chosen() => StudyChoices.Of([], 1, 2).Chosen.ShouldBeNull();
}

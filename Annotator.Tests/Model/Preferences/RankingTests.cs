using System.Text.Json;
using Annotator.Model.Preferences;

namespace Annotator.Tests.Model.Preferences;

public sealed class RankingTests
{
    [Fact]
    public void A_ranking_implies_every_strict_pair_and_a_tie_is_never_one()
    {
        var ranking = new Ranking([[2], [0, 1], [3]]);

        ranking.Pairs().ShouldBe([new(2, 0), new(2, 1), new(2, 3), new(0, 3), new(1, 3)]);
        Ranking.Tie(4).Pairs().ShouldBeEmpty();
    }

    [Fact]
    public void The_order_inside_a_tier_means_nothing()
    {
        new Ranking([[0, 1], [2]]).ShouldBe(new Ranking([[1, 0], [2]]));
        new Ranking([[0, 1], [2]]).GetHashCode().ShouldBe(new Ranking([[1, 0], [2]]).GetHashCode());
        Ranking.Prefer(0, 1).ShouldNotBe(Ranking.Prefer(1, 0));
    }

    [Fact]
    public void Json_is_an_array_of_tiers()
    {
        JsonSerializer.Serialize(Ranking.Prefer(1, 0), JsonLines.Spelling).ShouldBe("[[1],[0]]");
        JsonSerializer.Deserialize<Ranking>("[[2],[0,1]]", JsonLines.Spelling).ShouldBe(new Ranking([[2], [0, 1]]));
    }

    [Theory]
    [InlineData("[]", "at least one tier")]
    [InlineData("[[0],[]]", "one is empty")]
    [InlineData("[[0],[0]]", "names 0 twice")]
    [InlineData("[[-1]]", "names -1")]
    public void A_ranking_that_makes_no_sense_is_refused(string json, string reason) =>
        Should.Throw<JsonException>(() => JsonSerializer.Deserialize<Ranking>(json, JsonLines.Spelling)).Message.ShouldContain(reason);
}

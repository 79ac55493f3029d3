using System.Text.Json;
using Annotator.Web.Annotating;

namespace Annotator.Tests.Web.Annotating;

/// <summary>Slots are written as tiers: [[2],[],[0,1]] has position 2 in the first slot, and 0 and 1 tied in the third.</summary>
public sealed class RankingInProgressTests
{
    private static readonly int[] Sides = [2, 0, 3, 1];

    [Fact]
    public void All_begin_in_the_tray_as_they_stand()
    {
        var order = RankingInProgress.Of(Sides, null);

        order.Tray.ShouldBe(Sides);
        Text(order).ShouldBe("[[],[],[],[]]");
        (order.IsUntouched, order.IsComplete, order.Draft).ShouldBe((true, false, null));
        JsonSerializer.Serialize(order.AsTheyStood).ShouldBe("[[2],[0],[3],[1]]");
    }

    [Fact]
    public void Placing_shares_a_slot_and_the_tiers_leave_out_what_is_empty()
    {
        var order = RankingInProgress.Of(Sides, null).Place(1, 0).Place(0, 2).Place(2, 2);

        Text(order).ShouldBe("[[1],[],[2,0],[]]", "tied ones in the order in which they stood");
        order.Tray.ShouldBe([3]);
        order.TiedWith(0).ShouldBe([2]);
        JsonSerializer.Serialize(order.Place(3, 3).Tiers).ShouldBe("[[1],[2,0],[3]]");
        order.Place(3, 3).IsComplete.ShouldBeTrue();
    }

    [Theory]
    [InlineData("[[2],[0],[3],[1]]", 1, 0, "[[1],[2],[0],[3]]")]
    [InlineData("[[2],[0],[3],[1]]", 2, 4, "[[0],[3],[1],[2]]")]
    [InlineData("[[2],[0],[3],[1]]", 3, 1, "[[2],[3],[0],[1]]")]
    [InlineData("[[2],[],[3],[1]]", 0, 2, "[[2],[0],[3],[1]]")]
    [InlineData("[[2,0],[3],[],[1]]", 0, 1, "[[2],[0],[3],[1]]")]
    [InlineData("[[],[2],[],[]]", 0, 1, "[[],[0],[2],[]]")]
    public void Inserting_moves_the_others_along_to_the_nearest_empty_slot(string before, int position, int slot, string after) =>
        Text(Of(before).Insert(position, slot)).ShouldBe(after);

    [Fact]
    public void Taking_one_out_leaves_its_slot_to_others()
    {
        var order = Of("[[2],[0],[3],[1]]").TakeOut(0);

        Text(order).ShouldBe("[[2],[],[3],[1]]");
        order.Tray.ShouldBe([0]);
        order.SlotOf(0).ShouldBeNull();
    }

    [Fact]
    public void A_draft_is_taken_up_as_far_as_it_makes_sense()
    {
        Text(Of("[[1],[0]]")).ShouldBe("[[1],[0],[],[]]", "tiers of an answer that was taken back");
        Text(Of("[[7,1],[1,0],[2],[],[3]]")).ShouldBe("[[1],[0],[2],[]]");
    }

    [Fact]
    public void Whatever_is_moved_each_response_stands_in_one_place()
    {
        var random = new Random(5);
        var order = RankingInProgress.Of(Sides, null);
        for (var i = 0; i < 500; i++)
        {
            order = random.Next(3) switch
            {
                0 => order.Place(random.Next(4), random.Next(4)),
                1 => order.Insert(random.Next(4), random.Next(5)),
                _ => order.TakeOut(random.Next(4)),
            };
            order.Slots.Count.ShouldBe(4);
            order.Slots.SelectMany(slot => slot).Concat(order.Tray).Order().ShouldBe([0, 1, 2, 3]);
        }
    }

    [Fact]
    public void A_place_that_is_not_there_is_refused()
    {
        var order = RankingInProgress.Of(Sides, null);
        Should.Throw<ArgumentOutOfRangeException>(() => order.Place(0, 4));
        Should.Throw<ArgumentOutOfRangeException>(() => order.Place(4, 0));
        Should.Throw<ArgumentOutOfRangeException>(() => order.Insert(0, 5));
    }

    private static RankingInProgress Of(string slots) => RankingInProgress.Of(Sides, JsonSerializer.Deserialize<int[][]>(slots));

    private static string Text(RankingInProgress order) => JsonSerializer.Serialize(order.Slots);
}

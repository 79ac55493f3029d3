using Annotator.Web.Annotating;
using Annotator.Web.Data;

namespace Annotator.Tests.Web.Annotating;

public sealed class SideOrderTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("annotator-sides-").FullName;

    [Fact]
    public void Sides_are_balanced_over_many_comparisons_and_over_many_annotators()
    {
        var sides = new SideOrder(new byte[32]);
        var swapped = Enumerable.Range(1, 10_000).Count(id => sides.Of(id, "ada", 2)[0] == 1);
        var swappedForOthers = Enumerable.Range(1, 10_000).Count(id => sides.Of(7, $"person {id}", 2)[0] == 1);

        // Five standard deviations of 10,000 fair coins.
        swapped.ShouldBeInRange(4_750, 5_250);
        swappedForOthers.ShouldBeInRange(4_750, 5_250);
    }

    [Fact]
    public void Any_number_of_responses_is_a_permutation_and_every_place_is_equally_likely()
    {
        var sides = new SideOrder(new byte[32]);
        var orders = Enumerable.Range(1, 4_000).Select(id => sides.Of(id, "ada", 4)).ToList();

        orders.ShouldAllBe(order => order.Order().SequenceEqual(new[] { 0, 1, 2, 3 }));
        orders.Count(order => order[0] == 3).ShouldBeInRange(850, 1_150);
    }

    [Fact]
    public void The_key_file_keeps_the_sides_through_a_restart_and_another_installation_has_others()
    {
        var first = SideOrder.FromKeyFile(new DataFolder(folder));
        var restarted = SideOrder.FromKeyFile(new DataFolder(folder));
        var elsewhere = SideOrder.FromKeyFile(new DataFolder(Path.Combine(folder, "elsewhere")));

        Orders(restarted).ShouldBe(Orders(first));
        Orders(elsewhere).ShouldNotBe(Orders(first));
    }

    [Fact]
    public void A_damaged_key_file_is_refused_by_name()
    {
        var data = new DataFolder(folder);
        Directory.CreateDirectory(data.Keys);
        File.WriteAllText(Path.Combine(data.Keys, "sides.key"), "short");

        Should.Throw<InvalidDataException>(() => SideOrder.FromKeyFile(data)).Message.ShouldContain("sides.key");
    }

    public void Dispose() => Directory.Delete(folder, recursive: true);

    private static string Orders(SideOrder sides) =>
        string.Concat(Enumerable.Range(1, 200).Select(id => sides.Of(id, "ada", 2)[0]));
}

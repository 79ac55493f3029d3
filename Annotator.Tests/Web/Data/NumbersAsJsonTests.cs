using System.Text.Json;
using Annotator.Web.Data;

namespace Annotator.Tests.Web.Data;

public sealed class NumbersAsJsonTests
{
    [Theory]
    [InlineData("[]")]
    [InlineData("[0]")]
    [InlineData("[50256,-7,2147483647,-2147483648]")]
    [InlineData(" [ 1, 2 ]\n")]
    public void A_list_is_read_as_JSON_has_it(string text)
    {
        NumbersAsJson.ReadList(text).ShouldBe(JsonSerializer.Deserialize<int[]>(text));
        NumbersAsJson.ReadList(NumbersAsJson.Write(NumbersAsJson.ReadList(text))).ShouldBe(NumbersAsJson.ReadList(text));
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("[[]]")]
    [InlineData("[[1],[0]]")]
    [InlineData("[[2,0],[],[1]]")]
    [InlineData("[ [1], [0] ]")]
    public void A_ranking_is_read_as_JSON_has_it(string text) => NumbersAsJson.ReadLists(text).ShouldBe(JsonSerializer.Deserialize<int[][]>(text));

    [Theory]
    [InlineData("[1")]
    [InlineData("[1,]")]
    [InlineData("[2147483648]")]
    [InlineData("[[1],[0]")]
    [InlineData("[[1][0]]")]
    [InlineData("[[1],[0],]")]
    [InlineData("[[1]],[[0]]")]
    [InlineData("")]
    public void What_JSON_refuses_is_refused(string text)
    {
        Should.Throw<JsonException>(() => NumbersAsJson.ReadList(text));
        Should.Throw<JsonException>(() => NumbersAsJson.ReadLists(text));
    }
}

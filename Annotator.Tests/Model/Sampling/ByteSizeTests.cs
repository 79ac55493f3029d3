using Annotator.Model.Sampling;

namespace Annotator.Tests.Model.Sampling;

public sealed class ByteSizeTests
{
    [Theory]
    [InlineData("8GiB", 8L << 30)]
    [InlineData("1.5 gib", 3L << 29)]
    [InlineData("500MB", 500_000_000)]
    [InlineData("64KiB", 65_536)]
    [InlineData("12B", 12)]
    [InlineData("1073741824", 1 << 30)]
    public void An_amount_is_read_with_its_unit(string text, long bytes) => ByteSize.Parse(text).ShouldBe(bytes);

    [Theory]
    [InlineData("")]
    [InlineData("GiB")]
    [InlineData("0")]
    [InlineData("-1GiB")]
    [InlineData("8 gigs")]
    [InlineData("1e3MB")]
    [InlineData("99999999999TiB")]
    public void What_is_no_amount_is_none(string text) => ByteSize.Parse(text).ShouldBeNull();

    [Theory]
    [InlineData(3L << 29, "1.5 GiB")]
    [InlineData(1L << 20, "1 MiB")]
    [InlineData(100, "100 bytes")]
    public void An_amount_is_written_in_the_unit_that_fits(long bytes, string text) => ByteSize.Format(bytes).ShouldBe(text);
}

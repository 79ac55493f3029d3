using Annotator.Model.LanguageModels;
using Annotator.Tests.Fixtures;
using static TorchSharp.torch;

namespace Annotator.Tests.Model.LanguageModels;

[Collection(TorchCollection.Name)]
public sealed class FewRowsProductTests
{
    [Theory]
    [InlineData(1, 1, 16)]
    [InlineData(1, 50, 48)]
    [InlineData(3, 131, 80)]
    [InlineData(4, 4, 64)]
    [InlineData(9, 700, 768)]
    [InlineData(64, 33, 32)]
    public void It_equals_libtorchs_product(int rows, int outputs, int inputs)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var (x, weight, bias) = (randn(rows, inputs), randn(outputs, inputs), randn(outputs));
        FewRowsProduct.Suits(x, weight).ShouldBeTrue();
        FewRowsProduct.Of(x, weight, bias).ShouldBeCloseTo([.. nn.functional.linear(x, weight, bias).data<float>()], 2e-4);
        FewRowsProduct.Of(x, weight, null).ShouldBeCloseTo([.. nn.functional.linear(x, weight).data<float>()], 2e-4);
    }

    [Fact]
    public void A_row_gets_the_same_bits_whatever_rows_stand_beside_it()
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var (x, weight) = (randn(13, 256), randn(1000, 256));
        var together = FewRowsProduct.Of(x, weight, null);
        for (var row = 0; row < 13; row++)
            FewRowsProduct.Of(x[row], weight, null).data<float>().ToArray().ShouldBe(together[row].data<float>().ToArray());
    }

    [Fact]
    public void Training_and_other_types_are_left_to_libtorch()
    {
        using var scope = NewDisposeScope();
        var (x, weight) = (randn(2, 32), randn(8, 32));
        FewRowsProduct.Suits(x, weight).ShouldBeFalse();                                          // a gradient may be wanted
        using var _ = no_grad();
        FewRowsProduct.Suits(x.to(ScalarType.Float64), weight).ShouldBeFalse();
        FewRowsProduct.Suits(x, randn(32, 8).t()).ShouldBeFalse();
        FewRowsProduct.Suits(randn(65, 32), weight).ShouldBeFalse();
        FewRowsProduct.Suits(randn(2, 30), randn(8, 30)).ShouldBeFalse();
    }
}

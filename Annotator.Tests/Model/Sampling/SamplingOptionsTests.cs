using Annotator.Model.Sampling;

namespace Annotator.Tests.Model.Sampling;

public sealed class SamplingOptionsTests
{
    [Fact]
    public void The_defaults_have_no_fault() => new SamplingOptions().Fault().ShouldBeNull();

    [Theory]
    [InlineData(-0.1)]
    [InlineData(2.1)]
    [InlineData(double.NaN)]
    public void A_temperature_out_of_range_is_named_with_its_value(double temperature)
    {
        var fault = new SamplingOptions { Temperature = temperature }.Fault()!;
        fault.Name.ShouldBe("temperature");
        fault.Message.ShouldBe($"temperature must be in [0, 2]; it is {temperature}.");
    }

    [Fact]
    public void Each_other_option_is_checked()
    {
        new SamplingOptions { TopP = 0 }.Fault()!.Name.ShouldBe("top_p");
        new SamplingOptions { TopP = 1.01 }.Fault()!.Name.ShouldBe("top_p");
        new SamplingOptions { TopP = double.NaN }.Fault()!.Name.ShouldBe("top_p");
        new SamplingOptions { TopK = -1 }.Fault()!.Name.ShouldBe("top_k");
        new SamplingOptions { MinP = -0.1 }.Fault()!.Name.ShouldBe("min_p");
        new SamplingOptions { MinP = 1.1 }.Fault()!.Name.ShouldBe("min_p");
        new SamplingOptions { MinP = double.NaN }.Fault()!.Name.ShouldBe("min_p");
        new SamplingOptions { RepetitionPenalty = 0 }.Fault()!.Name.ShouldBe("repetition_penalty");
        new SamplingOptions { RepetitionPenalty = 11 }.Fault()!.Name.ShouldBe("repetition_penalty");
        new SamplingOptions { MaxTokens = 0 }.Fault()!.Name.ShouldBe("max_tokens");
        new SamplingOptions { Stop = [""] }.Fault()!.Name.ShouldBe("stop");
        new SamplingOptions { Stop = [new string('x', 201)] }.Fault()!.Name.ShouldBe("stop");
        new SamplingOptions { Stop = [.. Enumerable.Range(0, 17).Select(i => $"{i}")] }.Fault()!.Name.ShouldBe("stop");
    }
}

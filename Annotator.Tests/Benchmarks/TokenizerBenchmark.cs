using System.Diagnostics;
using System.Globalization;
using Annotator.Model.Tokenization;
using Annotator.Tests.Fixtures;

namespace Annotator.Tests.Benchmarks;

/// <summary>How fast text becomes token ids, on one core. A policy of 124M parameters reads some 280 tokens a second.</summary>
public sealed class TokenizerBenchmark(ITestOutputHelper output)
{
    [Benchmark]
    public void Tokenising_is_no_bottleneck()
    {
        var text = File.ReadAllText(Oracles.Find("gpt2-tokenizer/input.txt"));
        var tokenizers = new[]
        {
            ("GPT-2, two files", TextTokenizer.Read(Oracles.Find("gpt2-tokenizer/encoder.json"), Oracles.Find("gpt2-tokenizer/vocab.bpe"))),
            ("GPT-2, tokenizer.json", TokenizerFile.Gpt2().Open()),
            ("stories260K (marked spaces, bytes)", TokenizerFile.Stories().Open()),
        };
        foreach (var (name, tokenizer) in tokenizers)
        {
            var rates = Enumerable.Range(0, 5).Select(_ => Rate(tokenizer, text)).ToList();
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name}: {rates.Max():F1} MB of text a second"));
            rates.Max().ShouldBeGreaterThan(0.5);
        }
    }

    private static double Rate(TextTokenizer tokenizer, string text)
    {
        const int Times = 40;
        var began = Process.GetCurrentProcess().TotalProcessorTime;
        for (var i = 0; i < Times; i++)
            tokenizer.Encode(text);
        return Times * text.Length / (Process.GetCurrentProcess().TotalProcessorTime - began).TotalSeconds / 1e6;
    }
}

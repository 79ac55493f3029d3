using System.IO.Compression;
using Annotator.Model.Evaluation;
using Annotator.Model.Preferences;

namespace Annotator.Model.Experiments;

/// <summary>The Large Movie Review Dataset as two files of a directory: <c>imdb-train.jsonl.gz</c> and <c>imdb-test.jsonl.gz</c>, lines of <c>{"text","label"}</c>.</summary>
/// <param name="directory">Where they are.</param>
public sealed class Corpus(string directory)
{
    private sealed record Review : ICheckedLine
    {
        public required string Text { get; init; }

        public required string Label { get; init; }

        public string? Problem() => Label is "pos" or "neg" ? null : $"label must be pos or neg; it is {Label}.";
    }

    public IEnumerable<LabelledText> Train => Read("imdb-train.jsonl.gz");

    /// <summary>Held out: neither the embedded policy nor the scorer was trained on it.</summary>
    public IEnumerable<LabelledText> Test => Read("imdb-test.jsonl.gz");

    private IEnumerable<LabelledText> Read(string name)
    {
        var path = Path.Combine(directory, name);
        using var reader = new StreamReader(new GZipStream(File.OpenRead(path), CompressionMode.Decompress));
        for (var number = 1; reader.ReadLine() is { } line; number++)
        {
            var review = JsonLines.Parse<Review>(line, path, number);
            yield return new(review.Text, review.Label == "pos");
        }
    }
}

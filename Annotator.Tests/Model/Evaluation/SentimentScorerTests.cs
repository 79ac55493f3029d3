using Annotator.Model.Evaluation;
using Annotator.Tests.Fixtures;

namespace Annotator.Tests.Model.Evaluation;

public sealed class SentimentScorerTests
{
    private static readonly string Embedded = Path.Combine(AppContext.BaseDirectory, "data", "scorers", "sentiment.tsv");

    [Fact]
    public void The_embedded_scorer_fits_into_a_megabyte_and_tells_praise_from_blame()
    {
        var scorer = SentimentScorer.Read(Embedded);

        new FileInfo(Embedded).Length.ShouldBeLessThan(1 << 20);
        scorer.Score("A wonderful film. I loved every minute of it!").ShouldBeGreaterThan(2);
        scorer.Score("The worst movie I have ever seen, boring and badly acted.").ShouldBeLessThan(-2);
        Math.Abs(scorer.Score("It was shown in a cinema in my town.")).ShouldBeLessThan(1);
    }

    [Fact]
    public void A_negated_pair_weighs_and_a_word_said_again_earns_nothing()
    {
        var scorer = new SentimentScorer(0.5, new Dictionary<string, double> { ["good"] = 1, ["not good"] = -3 });

        scorer.Score("").ShouldBe(0.5);
        scorer.Score("Good, good, GOOD").ShouldBe(1.5);
        scorer.Score("It is not good.").ShouldBe(-1.5);
        scorer.Score("I would not. Good!").ShouldBe(1.5);                                         // a sentence ends between them
    }

    [Fact]
    public void Training_learns_which_words_praise_and_a_file_keeps_the_scorer()
    {
        using var directory = new TemporaryDirectory();
        LabelledText[] texts =
        [
            .. Enumerable.Range(0, 40).Select(i => new LabelledText($"A fine film about {i} people, it is good.", i % 2 == 0)),
            .. Enumerable.Range(0, 40).Select(i => new LabelledText(i % 2 == 0 ? $"Number {i} is splendid!" : $"Number {i} is dreadful!", i % 2 == 0)),
        ];

        var scorer = SentimentTraining.Train(texts, features: 50, TestContext.Current.CancellationToken);
        scorer.Write(directory["a.tsv"]);
        SentimentTraining.Train(texts, features: 50, TestContext.Current.CancellationToken).Write(directory["again.tsv"]);
        var read = SentimentScorer.Read(directory["a.tsv"]);

        read.Score("splendid").ShouldBeGreaterThan(0);
        read.Score("dreadful").ShouldBeLessThan(0);
        read.Bias.ShouldBe(scorer.Bias);
        read.Weights.OrderBy(one => one.Key).ShouldBe(scorer.Weights.OrderBy(one => one.Key));
        File.ReadAllBytes(directory["again.tsv"]).ShouldBe(File.ReadAllBytes(directory["a.tsv"]));
        SentimentTraining.Accuracy(read, texts[40..]).ShouldBe(1);
    }

    [Fact]
    public void A_line_that_is_no_weight_is_named()
    {
        using var directory = new TemporaryDirectory();
        File.WriteAllText(directory["a.tsv"], "#bias\t0\ngood 1\n");

        Should.Throw<InvalidDataException>(() => SentimentScorer.Read(directory["a.tsv"])).Message.ShouldContain("line 2");
    }

    [Fact]
    public async Task The_verb_trains_a_scorer_and_says_how_often_it_is_right()
    {
        using var directory = new TemporaryDirectory();
        foreach (var part in (string[])["train", "test"])
        {
            using var writer = new StreamWriter(new System.IO.Compression.GZipStream(File.Create(directory[$"imdb-{part}.jsonl.gz"]), System.IO.Compression.CompressionLevel.Fastest));
            for (var i = 0; i < 40; i++)
                writer.WriteLine(i % 2 == 0 ? """{"text":"A splendid film.","label":"pos","rating":9}""" : """{"text":"A dreadful film.","label":"neg","rating":2}""");
        }

        var (exitCode, output, errors) = await ModelVerb.Run("experiment", "scorer", "--corpus", directory.Path, "--out", directory["scorer.tsv"], "--json");

        exitCode.ShouldBe(0, errors);
        output.ShouldContain("\"test_accuracy\":1,");
    }
}

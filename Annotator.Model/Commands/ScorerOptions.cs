using System.CommandLine;
using System.CommandLine.Parsing;
using Annotator.Model.Checkpoints;
using Annotator.Model.Evaluation;
using Annotator.Model.Native;
using Annotator.Model.Training;

namespace Annotator.Model.Commands;

/// <summary>Where a verb takes scores of responses from: <c>--reward</c>, or <c>--scorer</c> in its place.</summary>
/// <param name="use">What the scores are for, as a sentence begins.</param>
internal sealed class ScorerOptions(string use)
{
    public Option<DirectoryInfo?> Reward { get; } = new("--reward") { Description = $"{use}: a reward model, as the verb reward makes it." };

    public Option<FileInfo?> Scorer { get; } = new("--scorer")
    {
        Description = "In place of --reward: a table of words and weights that is taken for the truth, such as data/scorers/sentiment.tsv.",
    };

    /// <summary>A verb's validator: not both.</summary>
    public void NotBoth(CommandResult result)
    {
        if (result.GetResult(Reward) is not null && result.GetResult(Scorer) is not null)
            result.AddError("Give --reward or --scorer, not both.");
    }

    /// <summary>Opens the one that is given.</summary>
    /// <param name="arguments">Of the verb.</param>
    /// <param name="policy">Whose responses are scored.</param>
    /// <param name="cancellation">Of the scoring.</param>
    /// <returns>Null if none is given.</returns>
    /// <exception cref="PolicyException">The policy has no tokenizer to read texts with, or another vocabulary than the reward model.</exception>
    public OpenScorer? Open(ParseResult arguments, Policy policy, CancellationToken cancellation)
    {
        if (arguments.GetValue(Reward) is { } directory)
            return OpenScorer.ByRewardModel(RewardModel.Open(directory.FullName, LibTorch.PreferredDevice()), policy, cancellation);
        if (arguments.GetValue(Scorer) is not { } table)
            return null;
        policy.RequireTokenizer();
        return new(ResponseScorers.ByText(SentimentScorer.Read(table.FullName).Score), Model: null);
    }
}

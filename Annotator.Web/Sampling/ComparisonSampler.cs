using System.Security.Cryptography;
using Annotator.Model.Preferences;
using Annotator.Web.Data;
using Annotator.Web.Engine;

namespace Annotator.Web.Sampling;

/// <summary>Who writes the responses of a comparison, and how.</summary>
/// <param name="Writers">The policies: one writes all responses, two write half each, the first the one more if they are odd.</param>
/// <param name="Responses">How many responses a comparison has.</param>
public sealed record ComparisonRecipe(IReadOnlyList<Policy> Writers, int Responses, StudySampling Sampling)
{
    /// <summary>How many responses each writer gives.</summary>
    public IEnumerable<(Policy Writer, int Count)> Parts =>
        Writers.Index().Select(writer => (writer.Item, (Responses + Writers.Count - 1 - writer.Index) / Writers.Count)).Where(part => part.Item2 > 0);
}

/// <summary>A response and the policy that wrote it.</summary>
public sealed record WrittenResponse(Policy Writer, SampledResponse Response);

/// <summary>A prompt with the responses that were sampled for it, in the order of their positions.</summary>
/// <param name="Seed">Each writer was asked with it.</param>
public sealed record SampledComparison(long PromptId, long Seed, IReadOnlyList<WrittenResponse> Responses);

/// <summary>What became of sampling for one prompt: a comparison, or a fault in one sentence.</summary>
/// <param name="Sampled">Null if there was a fault.</param>
/// <param name="Fault">Null if there was none.</param>
/// <param name="IsUnavailable">True where the fault is the sampler's absence, which passes.</param>
public sealed record SamplingOutcome(SampledComparison? Sampled, string? Fault = null, bool IsUnavailable = false);

/// <summary>Samples the responses of one comparison, with one request for each writer, so that the same seed draws them again.</summary>
public sealed class ComparisonSampler(CompletionsClient completions)
{
    /// <summary>Requests for one comparison before its prompt is passed over for this time.</summary>
    private const int Attempts = 4;

    /// <summary>Asks for one comparison, again with another seed while what comes can't be compared. A fault is a result, not an exception.</summary>
    public async Task<SamplingOutcome> SampleAsync(ComparisonRecipe recipe, long promptId, TextOrMessages prompt, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        try
        {
            var refusal = "";
            for (var attempt = 0; attempt < Attempts; attempt++)
            {
                // Within 31 bits, which every server takes.
                var seed = RandomNumberGenerator.GetInt32(int.MaxValue);
                var responses = await WriteAsync(recipe, prompt, seed, cancellation);
                if (ResponseScreen.Refusal([.. responses.Select(written => written.Response.Text)]) is not { } reason)
                {
                    return new(new SampledComparison(promptId, seed, responses));
                }

                refusal = reason;
            }

            var policies = string.Join(" and ", recipe.Writers.Select(writer => $"policy {writer.Number}"));
            return new(null, $"No responses that can be compared came of {Attempts} tries with {policies}, because {refusal}: raise the temperature, or the number of tokens.");
        }
        catch (SamplerUnavailableException e)
        {
            return new(null, e.Message, IsUnavailable: true);
        }
        catch (SamplerRefusedException e)
        {
            return new(null, e.Message);
        }
        catch (OperationCanceledException)
        {
            return new(null, "Sampling was abandoned.");
        }
    }

    private async Task<IReadOnlyList<WrittenResponse>> WriteAsync(ComparisonRecipe recipe, TextOrMessages prompt, long seed, CancellationToken cancellation)
    {
        var parts = await Task.WhenAll(recipe.Parts.Select(async part =>
            (await completions.SampleAsync(part.Writer.Hash, prompt, part.Count, recipe.Sampling, seed, cancellation)).Select(response => new WrittenResponse(part.Writer, response))));
        WrittenResponse[] all = [.. parts.SelectMany(part => part)];
        if (recipe.Writers.Count > 1)
        {
            // A position must not tell who wrote it.
            RandomNumberGenerator.Shuffle<WrittenResponse>(all);
        }

        return all;
    }
}

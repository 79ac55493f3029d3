using System.Security.Cryptography;
using Annotator.Model.Preferences;
using Annotator.Web.Engine;

namespace Annotator.Web.Sampling;

/// <summary>What became of sampling for one prompt: a comparison, or a fault in one sentence.</summary>
/// <param name="Sampled">Null if there was a fault.</param>
/// <param name="Fault">Null if there was none.</param>
/// <param name="IsUnavailable">True where the fault is the sampler's absence, which passes.</param>
public sealed record SamplingOutcome(SampledComparison? Sampled, string? Fault = null, bool IsUnavailable = false);

/// <summary>Samples the responses of one comparison, all with one request, so that the same seed draws them again.</summary>
public sealed class ComparisonSampler(CompletionsClient completions)
{
    /// <summary>Requests for one comparison before its prompt is passed over for this time.</summary>
    private const int Attempts = 4;

    /// <summary>Asks for one comparison, again with another seed while what comes can't be compared. A fault is a result, not an exception.</summary>
    public async Task<SamplingOutcome> SampleAsync(StockView view, long promptId, TextOrMessages prompt, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(view);
        try
        {
            var refusal = "";
            for (var attempt = 0; attempt < Attempts; attempt++)
            {
                // Within 31 bits, which every server takes.
                var seed = RandomNumberGenerator.GetInt32(int.MaxValue);
                var responses = await completions.SampleAsync(view.Policy.Hash, prompt, view.Task.ResponsesPerComparison, view.Sampling, seed, cancellation);
                if (ResponseScreen.Refusal([.. responses.Select(response => response.Text)]) is not { } reason)
                {
                    return new(new SampledComparison(promptId, seed, responses));
                }

                refusal = reason;
            }

            return new(null, $"No responses that can be compared came of {Attempts} tries with policy {view.Policy.Number}, because {refusal}: raise the temperature, or the number of tokens.");
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
}

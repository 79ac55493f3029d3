using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using Annotator.Model.LanguageModels;
using TorchSharp;
using static TorchSharp.torch;

namespace Annotator.Model.Sampling;

/// <summary>
/// Responses of one policy that are sampled together, one row each: a token a step for every row. Rows join between
/// two steps and leave when they are over, so nobody waits for the longest (continuous batching: Yu et al. 2022, Orca).
/// A row depends on its own prompt, options and random numbers only. Synchronous, on the thread that owns the tensors.
/// </summary>
/// <param name="model">Not disposed with the batch.</param>
public sealed class SamplingBatch(LanguageModel model) : IDisposable
{
    /// <summary>Most prompt tokens, padding counted, that one prefill computes: what the other rows wait for.</summary>
    private const int PrefillTokens = 2048;

    private readonly KeyValueCache _cache = model.CreateCache(0, 0);
    private readonly List<Row> _rows = [];                                                        // as in the cache
    private readonly List<Tensor> _logits = [];                                                   // what the rows sample from: of the last pass and of prefills since

    /// <summary>Responses that are being sampled.</summary>
    public int Rows => _rows.Count;

    /// <summary>Lets responses join: their prompts are computed, each distinct one once.</summary>
    /// <param name="responses">Prompts that are the same list share one prefill.</param>
    public void Add(IReadOnlyList<ResponseInProgress> responses)
    {
        var byPrompt = responses
            .GroupBy(response => response.PromptTokenIds, ReferenceEqualityComparer.Instance)
            .Select(group => (Prompt: (IReadOnlyList<int>)group.Key!, Responses: group.ToList()))
            .OrderBy(group => group.Prompt.Count)                                                 // neighbours need little padding
            .ToList();
        while (byPrompt.Count > 0)
        {
            var fitting = byPrompt.TakeWhile((group, index) => index == 0 || (index + 1) * group.Prompt.Count <= PrefillTokens).Count();
            Prefill(byPrompt[..fitting]);
            byPrompt.RemoveRange(0, fitting);
        }
    }

    /// <summary>Samples one token for every row, lets those leave that are over, and computes what the next step needs.</summary>
    /// <param name="onToken">Called for each token on this thread.</param>
    /// <returns>False once no rows are left.</returns>
    /// <exception cref="NotFiniteNumberException">The policy's logits are not numbers to sample from.</exception>
    public bool Step(Action<ResponseInProgress, SampledToken> onToken)
    {
        foreach (var (response, _, _) in _rows.Where(row => row.Response.Cancelled.IsCancellationRequested))
            response.Abandon();
        Draw();
        foreach (var (response, _, _) in _rows.Where(row => !row.Response.IsOver))
            onToken(response, response.Continue());

        RemoveFinishedRows();
        if (_rows.Count == 0)
            return false;
        Forward();
        return true;
    }

    public void Dispose()
    {
        ReleaseLogits();
        _cache.Dispose();
    }

    /// <summary>
    /// Shorter prompts are padded on the right: causal attention keeps the padding out of the prompt's own states, and
    /// what the cache took in of it is forgotten.
    /// </summary>
    private void Prefill(List<(IReadOnlyList<int> Prompt, List<ResponseInProgress> Responses)> groups)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var longest = groups[^1].Prompt.Count;
        var ids = new long[groups.Count, longest];
        foreach (var (row, (prompt, _)) in groups.Index())
        {
            for (var i = 0; i < prompt.Count; i++)
                ids[row, i] = prompt[i];
        }

        using var prompts = model.CreateCache(groups.Count, longest);
        var hidden = model.Hidden(tensor(ids, device: model.Device), cache: prompts);             // (P, T, C)
        var ends = tensor(groups.Select((group, row) => row * (long)longest + group.Prompt.Count - 1).ToArray(), device: model.Device);
        var logits = OnHost(model.Logits(hidden.view(-1, hidden.shape[2]).index_select(0, ends))).DetachFromDisposeScope();  // (P, V)
        _logits.Add(logits);
        prompts.Truncate([.. groups.Select(group => (long)group.Prompt.Count)]);

        _cache.Join(prompts, [.. groups.Index().SelectMany(group => Enumerable.Repeat(group.Index, group.Item.Responses.Count))]);
        _rows.AddRange(groups.Index().SelectMany(group => group.Item.Responses.Select(response => new Row(response, logits, group.Index))));
    }

    /// <summary>A token for each row. Each depends on its own row alone, so threads share them.</summary>
    private void Draw()
    {
        NotFiniteNumberException? failed = null;
        Crew.Share(_rows.Count, row =>
        {
            var (response, logits, index) = _rows[row];
            try
            {
                if (!response.IsOver)
                    response.Draw(Floats(logits).Slice(index * model.VocabularySize, model.VocabularySize));
            }
            catch (NotFiniteNumberException notFinite)
            {
                failed = notFinite;
            }
        });
        if (failed is not null)
            ExceptionDispatchInfo.Throw(failed);
    }

    private void Forward()
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var ids = tensor(_rows.Select(row => (long)row.Response.LastTokenId).ToArray(), device: model.Device).unsqueeze(1);  // (B, 1)
        var hidden = model.Hidden(ids, cache: _cache);                                            // (B, 1, C)
        var logits = OnHost(model.Logits(hidden.select(1, 0))).DetachFromDisposeScope();          // (B, V)
        ReleaseLogits();
        _logits.Add(logits);
        for (var row = 0; row < _rows.Count; row++)
            _rows[row] = new(_rows[row].Response, logits, row);
    }

    /// <summary>As in the cache, the last row moves into the place of one that leaves.</summary>
    private void RemoveFinishedRows()
    {
        for (var row = _rows.Count - 1; row >= 0; row--)
        {
            if (!_rows[row].Response.IsOver)
                continue;
            _cache.Remove(row);
            _rows[row] = _rows[^1];
            _rows.RemoveAt(_rows.Count - 1);
        }
    }

    private void ReleaseLogits()
    {
        foreach (var logits in _logits)
            logits.Dispose();
        _logits.Clear();
    }

    private static ReadOnlySpan<float> Floats(Tensor logits) => MemoryMarshal.Cast<byte, float>(logits.bytes);

    private static Tensor OnHost(Tensor logits) => logits.to(ScalarType.Float32).cpu().contiguous();

    /// <param name="Response">What is sampled.</param>
    /// <param name="Logits">Of the place after its last token, among others'.</param>
    /// <param name="Index">Its row there.</param>
    private readonly record struct Row(ResponseInProgress Response, Tensor Logits, int Index);
}

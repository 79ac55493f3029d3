using System.Runtime.InteropServices;
using Annotator.Model.LanguageModels;
using TorchSharp;
using static TorchSharp.torch;

namespace Annotator.Model.Sampling;

/// <summary>
/// Responses that are sampled together, one row each: a prefill of the distinct prompts (padded on the left), then one
/// token a step for every row. A row depends on its own prompt, options and random numbers only. Synchronous, on the
/// thread that owns the tensors; between two steps nothing is held, so a scheduler may do other work there.
/// </summary>
public sealed class SamplingBatch : IDisposable
{
    private readonly LanguageModel _model;
    private readonly float[] _scratch;
    private readonly KeyValueCache _cache;
    private List<Row> _rows;
    private Tensor _logits;                                                                       // (rows of the last forward pass, V)

    /// <param name="model">Not disposed with the batch.</param>
    /// <param name="responses">At least one; prompts that are the same list are computed once.</param>
    public SamplingBatch(LanguageModel model, IReadOnlyList<ResponseInProgress> responses)
    {
        _model = model;
        _scratch = new float[model.VocabularySize];

        var prompts = responses.Select(r => r.PromptTokenIds).Distinct<IReadOnlyList<int>>(ReferenceEqualityComparer.Instance).ToList();
        var longest = prompts.Max(p => p.Count);
        var indexOf = prompts.Select((prompt, index) => (prompt, index))
            .ToDictionary(p => (object)p.prompt, p => p.index, ReferenceEqualityComparer.Instance);
        _rows = [.. responses.Select(r => new Row(r, indexOf[r.PromptTokenIds], longest - r.PromptTokenIds.Count))];

        _cache = model.CreateCache(prompts.Count, _rows.Max(r => r.Padding + r.Response.MaxLength));
        _logits = Prefill(prompts, longest);
        if (prompts.Count < _rows.Count)
            SelectCacheRows(_rows.Select(r => (long)r.LogitsRow));
    }

    /// <summary>Samples one token for every row that is not over, and computes what the next step needs.</summary>
    /// <param name="onToken">Called for each token on this thread.</param>
    /// <returns>False once all rows are over.</returns>
    /// <exception cref="NotFiniteNumberException">The policy's logits are not numbers to sample from.</exception>
    public bool Step(Action<ResponseInProgress, SampledToken> onToken)
    {
        var logits = MemoryMarshal.Cast<byte, float>(_logits.bytes);
        foreach (var (response, logitsRow, _) in _rows)
        {
            if (response.IsOver)
                continue;
            if (response.Cancelled.IsCancellationRequested)
                response.Abandon();
            else
                onToken(response, response.Continue(logits.Slice(logitsRow * _model.VocabularySize, _model.VocabularySize), _scratch));
        }

        if (_rows.All(r => r.Response.IsOver))
            return false;
        RemoveFinishedRows();
        Forward();
        return true;
    }

    public void Dispose()
    {
        _logits.Dispose();
        _cache.Dispose();
    }

    private Tensor Prefill(List<IReadOnlyList<int>> prompts, int longest)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var ids = new long[prompts.Count, longest];
        var real = new long[prompts.Count, longest];
        for (var row = 0; row < prompts.Count; row++)
        {
            var padding = longest - prompts[row].Count;
            for (var i = 0; i < prompts[row].Count; i++)
                (ids[row, padding + i], real[row, padding + i]) = (prompts[row][i], 1);
        }

        Tensor? mask = null, positions = null;
        if (prompts.Any(p => p.Count < longest))
        {
            mask = tensor(real, device: _model.Device);                                           // (P, T)
            positions = Attention.Positions(mask);
        }

        var hidden = _model.Hidden(tensor(ids, device: _model.Device), positions, mask, _cache);  // (P, T, C)
        return OnHost(_model.Logits(hidden.select(1, -1))).MoveToOuterDisposeScope();             // (P, V)
    }

    private void Forward()
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var length = _cache.Length + 1;
        var ids = tensor(_rows.Select(r => (long)r.Response.LastTokenId).ToArray(), device: _model.Device).unsqueeze(1);  // (B, 1)

        Tensor? mask = null, positions = null;
        if (_rows.Any(r => r.Padding > 0))
        {
            var padding = tensor(_rows.Select(r => (long)r.Padding).ToArray(), device: _model.Device).unsqueeze(1);       // (B, 1)
            mask = arange(length, ScalarType.Int64, _model.Device).ge(padding);                   // (B, S)
            // A finished row that is still computed along may run past the context: its result is not looked at.
            positions = (_cache.Length - padding).clamp(max: _model.ContextLength - 1);           // (B, 1)
        }

        var hidden = _model.Hidden(ids, positions, mask, _cache);                                 // (B, 1, C)
        _logits.Dispose();
        _logits = OnHost(_model.Logits(hidden.select(1, 0))).DetachFromDisposeScope();            // (B, V)
        _rows = [.. _rows.Select((r, i) => r with { LogitsRow = i })];
    }

    /// <summary>Taking rows out copies the cache, so a few finished ones are computed along before that pays.</summary>
    private void RemoveFinishedRows()
    {
        var finished = _rows.Count(r => r.Response.IsOver);
        if (finished == 0 || finished < _rows.Count / 8)
            return;
        SelectCacheRows(_rows.Index().Where(r => !r.Item.Response.IsOver).Select(r => (long)r.Index));
        _rows.RemoveAll(r => r.Response.IsOver);
    }

    private void SelectCacheRows(IEnumerable<long> rows)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        _cache.Select(tensor(rows.ToArray(), device: _model.Device));
    }

    private static Tensor OnHost(Tensor logits) => logits.to(ScalarType.Float32).cpu().contiguous();

    /// <param name="Response">What is sampled.</param>
    /// <param name="LogitsRow">Its row in the logits: its prompt's after the prefill, its own from then on.</param>
    /// <param name="Padding">Places on the left that are not its own.</param>
    private sealed record Row(ResponseInProgress Response, int LogitsRow, int Padding);
}

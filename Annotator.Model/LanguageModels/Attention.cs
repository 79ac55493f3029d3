using TorchSharp;
using static TorchSharp.torch;

namespace Annotator.Model.LanguageModels;

/// <summary>Causal attention, shared by all families.</summary>
public static class Attention
{
    /// <summary>
    /// Which keys each query may see: earlier ones and itself, padding excluded. A padded query sees itself, so
    /// that no row is empty (an empty softmax is NaN, and NaN spreads through the values even at weight 0).
    /// </summary>
    /// <param name="attentionMask">(B, S) or none.</param>
    /// <param name="queries">T.</param>
    /// <param name="keys">S ≥ T; the queries are the last T of them.</param>
    /// <returns>Bool, broadcastable to (B, 1, T, S), or null where plain causal attention says the same.</returns>
    public static Tensor? Mask(Tensor? attentionMask, long queries, long keys, Device device)
    {
        if (attentionMask is null && (queries == keys || queries == 1))
        {
            return null;
        }

        if (attentionMask is not null && attentionMask.shape[^1] != keys)
        {
            throw new ArgumentException($"The attention mask covers {attentionMask.shape[^1]} tokens; cache and input have {keys}.", nameof(attentionMask));
        }

        var ones = torch.ones(queries, keys, ScalarType.Bool, device);
        var causal = ones.tril(keys - queries);                                                   // (T, S)
        if (attentionMask is null)
        {
            return causal;
        }

        var real = attentionMask.to(ScalarType.Bool).to(device).unsqueeze(1).unsqueeze(1);        // (B, 1, 1, S)
        var itself = causal.logical_and(ones.triu(keys - queries));                               // (T, S)
        return causal.logical_and(real).logical_or(itself);                                       // (B, 1, T, S)
    }

    /// <summary>softmax(q·kᵀ/√d)·v.</summary>
    /// <param name="query">(B, heads, T, d).</param>
    /// <param name="key">(B, heads, S, d).</param>
    /// <param name="value">(B, heads, S, d).</param>
    /// <param name="mask">From <see cref="Mask"/>.</param>
    /// <param name="dropout">On the attention weights.</param>
    /// <returns>(B, heads, T, d).</returns>
    public static Tensor Attend(Tensor query, Tensor key, Tensor value, Tensor? mask, double dropout) =>
        nn.functional.scaled_dot_product_attention(
            query, key, value, mask!, dropout, is_casual: mask is null && query.shape[2] > 1);

    /// <summary>Positions for left-padded rows: 0 for the first real token; pads get 1, as in transformers.</summary>
    /// <param name="attentionMask">(B, T).</param>
    /// <returns>(B, T) int64.</returns>
    public static Tensor Positions(Tensor attentionMask)
    {
        var mask = attentionMask.to(ScalarType.Int64);
        return (mask.cumsum(-1) - 1).masked_fill(mask.eq(0), 1);
    }
}

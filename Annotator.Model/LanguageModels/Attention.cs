using TorchSharp;
using static TorchSharp.torch;

namespace Annotator.Model.LanguageModels;

/// <summary>Causal attention, shared by all families.</summary>
public static class Attention
{
    /// <summary>
    /// Where the tokens of a pass stand, and which keys each may see: earlier ones and itself, padding excluded. Asked
    /// once a pass and used by every layer.
    /// </summary>
    /// <param name="model">Gives type and context.</param>
    /// <param name="ids">(B, T).</param>
    /// <param name="positions">(B, T), where the caller knows better: left-padded rows.</param>
    /// <param name="attentionMask">(B, S) or none; with a cache, its rows are then equally long.</param>
    /// <param name="cache">Tokens before these.</param>
    /// <returns>Positions (T) or (B, T), int64; and what is added to the attention scores, 0 or −∞, broadcastable to
    /// (B, 1, T, S), or null where plain causal attention, or where the cache's rows end, says the same.</returns>
    /// <exception cref="ArgumentException">More tokens than the context holds, or a mask of another length.</exception>
    public static (Tensor Positions, Tensor? Mask) Places(
        LanguageModel model, Tensor ids, Tensor? positions, Tensor? attentionMask, KeyValueCache? cache)
    {
        var (queries, past) = (ids.shape[1], cache?.Longest ?? 0);
        if (positions is null && past + queries > model.ContextLength)
        {
            throw new ArgumentException($"{past + queries} tokens are more than the model's context of {model.ContextLength}.", nameof(ids));
        }

        if (cache is { IsEven: false })
        {
            if (attentionMask is not null || positions is not null)
            {
                throw new ArgumentException("The rows of this cache have their own lengths; masks and positions follow from those.", nameof(cache));
            }

            var ends = tensor(cache.Lengths.ToArray(), device: ids.device).unsqueeze(1);          // (B, 1)
            positions = ends + arange(queries, ScalarType.Int64, ids.device);                     // (B, T)
            if (OneTokenAttention.Suits(model, queries))
            {
                return (positions, null);
            }

            var seen = arange(past + queries, ScalarType.Int64, ids.device).le(positions.unsqueeze(-1));
            return (positions, Added(seen.unsqueeze(1), model));                                  // (B, 1, T, S)
        }

        positions ??= arange(past, past + queries, ScalarType.Int64, ids.device);                 // (T)
        return (positions, Mask(attentionMask, queries, past + queries, ids.device) is { } mask ? Added(mask, model) : null);
    }

    /// <summary>A padded query sees itself, so that no row is empty (an empty softmax is NaN, and NaN spreads through the values even at weight 0).</summary>
    private static Tensor? Mask(Tensor? attentionMask, long queries, long keys, Device device)
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
            return causal.unsqueeze(0).unsqueeze(0);
        }

        var real = attentionMask.to(ScalarType.Bool).to(device).unsqueeze(1).unsqueeze(1);        // (B, 1, 1, S)
        var itself = causal.logical_and(ones.triu(keys - queries));                               // (T, S)
        return causal.logical_and(real).logical_or(itself);                                       // (B, 1, T, S)
    }

    // Added instead of chosen by: every layer would turn a mask of booleans into this by itself.
    private static Tensor Added(Tensor seen, LanguageModel model) =>
        zeros(seen.shape, model.Dtype, model.Device).masked_fill_(seen.logical_not(), double.NegativeInfinity);

    /// <summary>
    /// softmax(q·kᵀ/√d)·v of one layer, over the tokens of the pass and those of its cache, which takes in the new keys
    /// and values. With fewer heads of keys and values than of queries, each serves a group of neighbouring query heads
    /// (Ainslie et al. 2023).
    /// </summary>
    /// <param name="query">(B, heads, T, d).</param>
    /// <param name="key">(B, key heads, T, d).</param>
    /// <param name="value">(B, key heads, T, d).</param>
    /// <param name="pass">Mask and cache.</param>
    /// <param name="layer">From 0.</param>
    /// <param name="dropout">On the attention weights.</param>
    /// <returns>(B, T, heads · d).</returns>
    public static Tensor Attend(Tensor query, Tensor key, Tensor value, Pass pass, int layer, double dropout)
    {
        if (pass.Cache is not null)
        {
            if (pass.Mask is null && OneTokenAttention.Suits(pass.Cache.Model, query.shape[2]))
            {
                return OneTokenAttention.Of(query, key, value, pass.Cache, layer);
            }

            (key, value) = pass.Cache.Append(layer, key, value);                                  // (B, key heads, S, d)
        }

        var (rows, heads, length, width) = (query.shape[0], query.shape[1], query.shape[2], query.shape[3]);
        var (keyHeads, groups) = (key.shape[1], heads / key.shape[1]);
        if (groups > 1 && length == 1 && pass.Shared is null)
        {
            // A group's queries stand in one column as if they were several tokens: nothing of the cache is repeated.
            query = query.reshape(rows, keyHeads, groups, width);
        }
        else if (groups > 1)
        {
            (key, value) = (Repeat(key), Repeat(value));                                          // (B, heads, S, d)
        }

        if (pass.Shared is not null)
        {
            return pass.Shared.Attend(query, key, value, dropout);
        }

        return nn.functional.scaled_dot_product_attention(query, key, value, pass.Mask!, dropout, is_casual: pass.Mask is null && length > 1)
            .reshape(rows, heads, length, width)
            .transpose(1, 2).reshape(rows, length, heads * width);

        Tensor Repeat(Tensor x) => x.unsqueeze(2).expand(-1, -1, groups, -1, -1).reshape(rows, heads, x.shape[2], width);
    }

    /// <summary>Positions for left-padded rows: 0 for the first real token; pads get 1, as in transformers.</summary>
    /// <param name="attentionMask">(B, T).</param>
    /// <returns>(B, T) int64.</returns>
    public static Tensor Positions(Tensor attentionMask)
    {
        var mask = attentionMask.to(ScalarType.Int64);
        return (mask.cumsum(-1) - 1).masked_fill(mask.eq(0), 1);
    }
}

using TorchSharp;
using static TorchSharp.torch;

namespace Annotator.Model.LanguageModels;

/// <summary>
/// A decoder-only language model. Its parameters carry the names and layouts of Hugging Face checkpoints.
/// Tensor code is synchronous and on one thread; results live in the caller's dispose scope.
/// </summary>
public abstract partial class LanguageModel : IDisposable
{
    /// <param name="parameters">By Hugging Face name; the model owns them from here on.</param>
    protected LanguageModel(IReadOnlyDictionary<string, Tensor> parameters)
    {
        foreach (var parameter in parameters.Values)
        {
            parameter.DetachFromDisposeScope();
        }

        Parameters = parameters;
    }

    /// <summary>Rows of the token embedding, V.</summary>
    public abstract int VocabularySize { get; }

    /// <summary>Most tokens the model can attend to.</summary>
    public abstract int ContextLength { get; }

    /// <summary>Number of blocks.</summary>
    public abstract int Layers { get; }

    /// <summary>Width of the hidden state, C.</summary>
    public abstract int Width { get; }

    /// <summary>Heads of keys and values in each layer.</summary>
    public abstract int KeyValueHeads { get; }

    /// <summary>Width of one head.</summary>
    public abstract int HeadWidth { get; }

    /// <summary>Whether the blocks keep their matrices as [in, out], where others have [out, in].</summary>
    public virtual bool InputsFirst => false;

    /// <summary>Every trainable tensor by its Hugging Face name, in the order of the checkpoint; a tied head is not listed twice.</summary>
    public IReadOnlyDictionary<string, Tensor> Parameters { get; }

    /// <summary>Probability of dropping an activation; 0 (the default) outside of training.</summary>
    public double Dropout { get; set; }

    /// <summary>Where the parameters are.</summary>
    public Device Device => Parameters.Values.First().device;

    /// <summary>Element type of the parameters and activations.</summary>
    public ScalarType Dtype => Parameters.Values.First().dtype;

    /// <summary>The hidden states after the final norm.</summary>
    /// <param name="ids">Token ids, (B, T) int64.</param>
    /// <param name="positions">(B, T) int64; by default counted from the cache's length. Given for left-padded rows (see <see cref="Attention.Positions"/>).</param>
    /// <param name="attentionMask">(B, cached + T), 1 or true for tokens to attend to, 0 or false for padding; none means no padding.</param>
    /// <param name="cache">Keys and values of earlier tokens; extended by T.</param>
    /// <returns>(B, T, C).</returns>
    public Tensor Hidden(Tensor ids, Tensor? positions = null, Tensor? attentionMask = null, KeyValueCache? cache = null)
    {
        using var scope = NewDisposeScope();
        var (places, mask) = Attention.Places(this, ids, positions, attentionMask, cache);
        var x = Blocks(Embed(ids, places), new Pass(mask, cache, Rotary?.At(places, Dtype)));     // (B, T, C)
        cache?.Advance(ids.shape[1]);
        return Norm(x).MoveToOuterDisposeScope();
    }

    /// <summary>The hidden states after the final norm of prompts that stand once for all their responses.</summary>
    /// <returns>(1, T, C).</returns>
    public Tensor Hidden(SharedPrompts prompts)
    {
        using var scope = NewDisposeScope();
        var pass = new Pass(null, null, Rotary?.At(prompts.Positions, Dtype), prompts);
        return Norm(Blocks(Embed(prompts.Ids, prompts.Positions), pass)).MoveToOuterDisposeScope();
    }

    private Tensor Blocks(Tensor x, Pass pass)                                                    // (B, T, C)
    {
        for (var layer = 0; layer < Layers; layer++)
        {
            using var block = NewDisposeScope();                                                  // what one block leaves is gone before the next
            x = Block(layer, x, pass).MoveToOuterDisposeScope();
        }

        return x;
    }

    /// <summary>The embeddings' sum, each block's output, and last the output after the final norm: what transformers calls output_hidden_states.</summary>
    /// <param name="ids">Token ids, (B, T) int64.</param>
    /// <returns>Layers + 1 tensors, (B, T, C) each.</returns>
    public IReadOnlyList<Tensor> HiddenStates(Tensor ids)
    {
        using var scope = NewDisposeScope();
        var (places, mask) = Attention.Places(this, ids, null, null, null);
        var pass = new Pass(mask, null, Rotary?.At(places, Dtype));
        List<Tensor> states = [Embed(ids, places)];
        for (var layer = 0; layer < Layers; layer++)
        {
            states.Add(Block(layer, states[^1], pass));
        }

        states[^1] = Norm(states[^1]);
        states.ForEach(state => state.MoveToOuterDisposeScope());
        return states;
    }

    /// <summary>The head.</summary>
    /// <param name="hidden">(…, C), any selection of rows of <see cref="Hidden"/>.</param>
    /// <returns>(…, V), unnormalised.</returns>
    public abstract Tensor Logits(Tensor hidden);

    /// <summary>An empty cache for this model.</summary>
    /// <param name="rows">Sequences, B.</param>
    /// <param name="capacity">Tokens to reserve room for; it grows when they are not enough.</param>
    public KeyValueCache CreateCache(int rows, int capacity) => new(this, rows, capacity);

    /// <summary>Marks all parameters as to be trained (or not).</summary>
    public void RequireGradients(bool required = true)
    {
        foreach (var parameter in Parameters.Values)
        {
            parameter.requires_grad_(required);
        }
    }

    /// <summary>Turns queries and keys by their positions; null in families that embed positions otherwise.</summary>
    protected virtual RotaryEmbedding? Rotary => null;

    /// <summary>The tokens as the first block sees them.</summary>
    /// <param name="ids">(B, T) int64.</param>
    /// <param name="positions">(T) or (B, T) int64.</param>
    /// <returns>(B, T, C).</returns>
    protected abstract Tensor Embed(Tensor ids, Tensor positions);

    /// <summary>One block, residual connections included.</summary>
    /// <param name="layer">From 0.</param>
    /// <param name="x">(B, T, C).</param>
    /// <param name="pass">The tokens' surroundings.</param>
    /// <returns>(B, T, C).</returns>
    protected abstract Tensor Block(int layer, Tensor x, Pass pass);

    /// <summary>The norm after the last block.</summary>
    protected abstract Tensor Norm(Tensor x);

    /// <summary>What <see cref="Logits"/> throws in a model that scores sequences (<see cref="Architecture.WithScore"/>).</summary>
    protected static InvalidOperationException NoLanguageHead() => new("This model has a scalar head in place of the language head, so it has no logits.");

    /// <summary>Rows of a table of embeddings.</summary>
    /// <param name="table">(rows, C).</param>
    /// <param name="indices">Any shape, int64.</param>
    /// <returns>(…, C).</returns>
    protected static Tensor Rows(Tensor table, Tensor indices) =>
        table.index_select(0, indices.reshape(-1)).view([.. indices.shape, table.shape[1]]);

    /// <summary>Dropout, in training.</summary>
    protected Tensor Drop(Tensor x) => Dropout > 0 ? nn.functional.dropout(x, Dropout) : x;

    public void Dispose()
    {
        foreach (var parameter in Parameters.Values)
        {
            parameter.Dispose();
        }

        GC.SuppressFinalize(this);
    }
}

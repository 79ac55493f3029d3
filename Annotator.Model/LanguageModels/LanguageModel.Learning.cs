using Annotator.Model.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace Annotator.Model.LanguageModels;

/// <summary>What only training needs: a backward pass of its own, and low-rank adapters.</summary>
public abstract partial class LanguageModel
{
    /// <summary>What is added to the blocks' projections while a policy is trained by them; null: nothing.</summary>
    public LowRankAdapters? Adapters { get; set; }

    /// <summary>The hidden states after the final norm, and how a gradient with respect to them reaches the parameters.</summary>
    /// <param name="prompts">With their responses.</param>
    /// <param name="checkpointing">
    /// Keep each block's input alone and compute the rest anew on the way back, one block at a time (Chen et al. 2016): a
    /// third more work for the memory of one block instead of all.
    /// </param>
    /// <returns>Hidden (1, T, C), outside of any gradient; Backward takes a gradient of that shape.</returns>
    public (Tensor Hidden, Action<Tensor> Backward) HiddenToLearn(SharedPrompts prompts, bool checkpointing)
    {
        if (!checkpointing)
        {
            var hidden = Hidden(prompts);
            return (hidden.detach(), gradient => hidden.backward([gradient]));
        }

        using var noGradients = no_grad();
        // What is dropped on the way there must be dropped on the way back: each part draws from a seed of its own.
        var seed = Dropout > 0 ? randint(0, int.MaxValue, [1]).item<long>() : 0;
        var pass = new Pass(null, null, Rotary?.At(prompts.Positions, Dtype), prompts);
        List<Tensor> inputs = [Part(-1, prompts.Ids)];                                            // of each block, (1, T, C) each
        for (var layer = 0; layer < Layers; layer++)
        {
            using var block = NewDisposeScope();
            inputs.Add(Part(layer, inputs[^1]).MoveToOuterDisposeScope());
        }

        return (Norm(inputs[^1]), Backward);

        Tensor Part(int layer, Tensor input)
        {
            if (Dropout > 0)
            {
                LibTorch.Seed(seed + layer);
            }

            return layer < 0 ? Embed(input, prompts.Positions) : Block(layer, input, pass);
        }

        void Backward(Tensor gradient)
        {
            gradient = Back(inputs[Layers], Norm, gradient);
            for (var layer = Layers - 1; layer >= 0; layer--)
            {
                inputs[layer + 1].Dispose();
                using var earlier = gradient;
                gradient = Back(inputs[layer], input => Part(layer, input), gradient);
            }

            using var scope = NewDisposeScope();
            if (Part(-1, prompts.Ids) is { requires_grad: true } embedded)
            {
                embedded.backward([gradient]);
            }
        }

        static Tensor Back(Tensor input, Func<Tensor, Tensor> part, Tensor gradient)
        {
            using var scope = NewDisposeScope();
            using var gradients = enable_grad();
            var leaf = input.detach().requires_grad_();
            part(leaf).backward([gradient]);
            return leaf.grad!.MoveToOuterDisposeScope();
        }
    }

    /// <summary>A model of the same shape with copies of the parameters in another type.</summary>
    public LanguageModel CopyAs(ScalarType dtype)
    {
        using var scope = NewDisposeScope();
        using var noGradients = no_grad();
        return SameShape(Parameters.ToDictionary(parameter => parameter.Key, parameter => parameter.Value.detach().to(dtype, copy: true)));
    }

    /// <summary>A model of the same shape with other weights.</summary>
    protected abstract LanguageModel SameShape(IReadOnlyDictionary<string, Tensor> parameters);

    /// <summary>A projection of a block with a weight of [out, in], and what an adapter adds to it.</summary>
    internal Tensor Linear(Tensor x, Tensor weight, Tensor? bias = null)
    {
        var y = Projection.Linear(x, weight, bias);
        return Adapters is null ? y : Adapters.Add(y, x, weight);
    }

    /// <summary>The same with a weight of [in, out].</summary>
    internal Tensor Conv1D(Tensor x, Tensor weight, Tensor bias)
    {
        var y = Projection.Conv1D(x, weight, bias);
        return Adapters is null ? y : Adapters.Add(y, x, weight);
    }
}

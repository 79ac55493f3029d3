using Annotator.Model.Preferences;
using TorchSharp;
using static TorchSharp.torch;

namespace Annotator.Model.Training;

/// <summary>
/// The optimisers of a round: torch's update rules, written out because a checkpoint needs their state by name and
/// an exact resume needs nothing hidden. Not thread-safe; the state lives until <see cref="Dispose"/>.
/// </summary>
public abstract class DpoOptimizer : IDisposable
{
    private readonly IReadOnlyDictionary<string, Tensor> _parameters;
    private readonly Dictionary<string, Tensor> _state = [];

    /// <param name="parameters">By name; each requires a gradient.</param>
    protected DpoOptimizer(IReadOnlyDictionary<string, Tensor> parameters) => _parameters = parameters;

    /// <summary>Running averages by name (<c>square_avg/…</c>): all there is to save for an exact resume, with <see cref="Steps"/>.</summary>
    public IReadOnlyDictionary<string, Tensor> State => _state;

    /// <summary>Updates made.</summary>
    public int Steps { get; private set; }

    public static DpoOptimizer Of(RoundOptions options, IReadOnlyDictionary<string, Tensor> parameters) => options.Optimizer switch
    {
        OptimizerName.Rmsprop => new Rmsprop(parameters, options.RmspropAlpha, options.RmspropEpsilon),
        OptimizerName.Adamw => new AdamW(parameters, options.AdamBeta1, options.AdamBeta2, options.AdamEpsilon, options.WeightDecay),
        _ => new Sgd(parameters),
    };

    /// <summary>Changes the parameters by their gradients. A parameter without a gradient is left alone.</summary>
    public void Update(double learningRate)
    {
        using var noGradients = no_grad();
        Steps++;
        foreach (var (name, parameter) in _parameters)
        {
            using var scope = NewDisposeScope();
            if (parameter.grad is { } gradient)
                Update(name, parameter, gradient, learningRate);
        }
    }

    /// <summary>Gives all gradients back: what keeps the next batch's activations needs none of them yet.</summary>
    public void ZeroGradients()
    {
        using var scope = NewDisposeScope();
        foreach (var parameter in _parameters.Values)
            parameter.grad = null!;
    }

    /// <summary>The global L2 norm of the gradient; cut to <paramref name="maxNorm"/> where that is > 0 and less.</summary>
    /// <returns>The norm before the cut.</returns>
    public double ClipGradients(double maxNorm)
    {
        using var scope = NewDisposeScope();
        var gradients = _parameters.Values.Select(parameter => parameter.grad).OfType<Tensor>().ToList();
        var norm = stack(gradients.Select(gradient => gradient.norm())).norm().to(ScalarType.Float64).item<double>();
        if (maxNorm > 0 && norm > maxNorm)
        {
            foreach (var gradient in gradients)
                gradient.mul_(maxNorm / (norm + 1e-6)); // As torch.nn.utils.clip_grad_norm_ does.
        }
        return norm;
    }

    /// <summary>Takes up a saved state; the tensors are copied.</summary>
    /// <param name="state">As <see cref="State"/> named them.</param>
    /// <param name="steps">Updates made when it was saved.</param>
    public void Restore(IReadOnlyDictionary<string, Tensor> state, int steps)
    {
        Dispose();
        Steps = steps;
        foreach (var (name, value) in state)
            _state[name] = value.clone().DetachFromDisposeScope();
    }

    public void Dispose()
    {
        foreach (var value in _state.Values)
            value.Dispose();
        _state.Clear();
        GC.SuppressFinalize(this);
    }

    /// <summary>Changes one parameter.</summary>
    protected abstract void Update(string name, Tensor parameter, Tensor gradient, double learningRate);

    /// <summary>A running average of this parameter, zero at first.</summary>
    protected Tensor Average(string kind, string name, Tensor like)
    {
        var key = $"{kind}/{name}";
        if (!_state.TryGetValue(key, out var average))
            _state[key] = average = zeros_like(like).DetachFromDisposeScope();
        return average;
    }

    /// <summary>θ ← θ − lr·g.</summary>
    private sealed class Sgd(IReadOnlyDictionary<string, Tensor> parameters) : DpoOptimizer(parameters)
    {
        protected override void Update(string name, Tensor parameter, Tensor gradient, double learningRate)
        {
            if (FusedUpdates.Suits(parameter, gradient))
                FusedUpdates.Sgd(parameter, gradient, learningRate);
            else
                parameter.add_(gradient, -learningRate);
        }
    }

    /// <summary>v ← α·v + (1−α)·g²; θ ← θ − lr·g / (√v + ε). Torch's RMSprop: not centred, no momentum.</summary>
    private sealed class Rmsprop(IReadOnlyDictionary<string, Tensor> parameters, double alpha, double epsilon) : DpoOptimizer(parameters)
    {
        protected override void Update(string name, Tensor parameter, Tensor gradient, double learningRate)
        {
            var v = Average("square_avg", name, parameter);
            if (FusedUpdates.Suits(parameter, gradient, v))
            {
                FusedUpdates.Rmsprop(parameter, gradient, v, learningRate, alpha, epsilon);
                return;
            }

            v.mul_(alpha).addcmul_(gradient, gradient, 1 - alpha);
            parameter.addcdiv_(gradient, v.sqrt().add_(epsilon), -learningRate);
        }
    }

    /// <summary>Loshchilov and Hutter (2019), algorithm 2, with torch's order of operations: decay first, bias corrections outside.</summary>
    private sealed class AdamW(IReadOnlyDictionary<string, Tensor> parameters, double beta1, double beta2, double epsilon, double weightDecay)
        : DpoOptimizer(parameters)
    {
        protected override void Update(string name, Tensor parameter, Tensor gradient, double learningRate)
        {
            var m = Average("exp_avg", name, parameter);
            var v = Average("exp_avg_sq", name, parameter);
            var stepSize = learningRate / (1 - Math.Pow(beta1, Steps));
            var rootScale = 1 / Math.Sqrt(1 - Math.Pow(beta2, Steps));
            var keep = 1 - learningRate * weightDecay;
            if (FusedUpdates.Suits(parameter, gradient, m, v))
            {
                FusedUpdates.AdamW(parameter, gradient, m, v, beta1, beta2, keep, stepSize, rootScale, epsilon);
                return;
            }

            m.mul_(beta1).add_(gradient, 1 - beta1);
            v.mul_(beta2).addcmul_(gradient, gradient, 1 - beta2);
            parameter.mul_(keep).addcdiv_(m, v.sqrt().mul_(rootScale).add_(epsilon), -stepSize);
        }
    }
}

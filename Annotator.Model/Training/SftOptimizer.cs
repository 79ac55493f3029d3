using Annotator.Model.LanguageModels;
using TorchSharp;
using static TorchSharp.torch;

namespace Annotator.Model.Training;

/// <summary>
/// AdamW (Loshchilov and Hutter 2019), or Muon (Jordan 2024) on the blocks' matrices beside it. Its state is
/// tensors by name, so that a checkpoint can hold it.
/// </summary>
public sealed class SftOptimizer : IDisposable
{
    private readonly SftOptions _options;
    private readonly List<(string Name, Tensor Parameter, bool ByMuon)> _parameters;
    private readonly Dictionary<string, Tensor> _state = [];
    private readonly bool _inputsFirst;                                                           // Conv1D keeps [in, out], others [out, in]

    public SftOptimizer(LanguageModel model, SftOptions options)
    {
        _options = options;
        _inputsFirst = model is Gpt2;
        _parameters = [.. model.Parameters.Select(pair =>
            (pair.Key, pair.Value, options.Optimizer == SftOptimizerName.Muon && pair.Value.dim() == 2 && IsInBlock(pair.Key)))];
        foreach (var (name, parameter, byMuon) in _parameters)
        {
            foreach (var moment in byMuon ? ["momentum"] : new[] { "exp_avg", "exp_avg_sq" })
            {
                _state[$"{name}.{moment}"] = zeros_like(parameter, requires_grad: false).DetachFromDisposeScope();
            }
        }
    }

    /// <summary>Moments by parameter name; written into by <see cref="Load"/> and each step.</summary>
    public IReadOnlyDictionary<string, Tensor> State => _state;

    /// <summary>One update from the parameters' gradients, which are then cleared.</summary>
    /// <param name="step">From 0; for Adam's bias correction.</param>
    /// <param name="factor">Of the peak learning rates.</param>
    /// <returns>The norm of all gradients, before it was limited.</returns>
    public double Step(long step, double factor)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var norm = GradientNorm();
        var scale = _options.MaxGradNorm > 0 && norm > _options.MaxGradNorm ? _options.MaxGradNorm / norm : 1;
        foreach (var (name, parameter, byMuon) in _parameters)
        {
            using var inner = NewDisposeScope();
            if (parameter.grad is not { } gradient)
            {
                continue;
            }

            if (byMuon)
            {
                StepMuon(name, parameter, gradient, _options.LearningRate * factor);
            }
            else
            {
                var rate = _options.Optimizer == SftOptimizerName.Muon ? _options.AdamwLearningRate : _options.LearningRate;
                StepAdamW(name, parameter, scale == 1 ? gradient : gradient * scale, step, rate * factor);
            }

            parameter.grad = null!;
        }

        return norm;
    }

    /// <summary>Takes the state of a checkpoint.</summary>
    /// <exception cref="KeyNotFoundException">A moment is missing.</exception>
    public void Load(Func<string, Tensor> read)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        foreach (var (name, tensor) in _state)
        {
            tensor.copy_(read(name));
        }
    }

    public void Dispose()
    {
        foreach (var tensor in _state.Values)
        {
            tensor.Dispose();
        }
    }

    /// <summary>Orthogonalises: pushes all singular values of a matrix to about 1 by five Newton–Schulz steps (Jordan 2024).</summary>
    /// <param name="matrix">(m, n).</param>
    /// <returns>(m, n).</returns>
    public static Tensor Orthogonalised(Tensor matrix)
    {
        const double A = 3.4445, B = -4.7750, C = 2.0315;
        var tall = matrix.shape[0] > matrix.shape[1];
        var x = tall ? matrix.t() : matrix;
        x = x / (x.norm() + 1e-7);
        for (var i = 0; i < 5; i++)
        {
            var gram = x.mm(x.t());                                                               // (m, m), the smaller side
            var polynomial = gram.addmm(gram, gram, beta: (float)B, alpha: (float)C);             // B·G + C·G²
            x = x.addmm(polynomial, x, beta: (float)A, alpha: 1);                                 // A·X + (B·G + C·G²)·X
        }

        return tall ? x.t() : x;
    }

    private void StepMuon(string name, Tensor parameter, Tensor gradient, double rate)
    {
        const double Momentum = 0.95;
        var momentum = _state[$"{name}.momentum"];
        momentum.mul_(Momentum).add_(gradient, 1 - Momentum);
        var update = Orthogonalised(gradient * (1 - Momentum) + momentum * Momentum);             // Nesterov

        // A matrix with more outputs than inputs moves further, as in Jordan's code.
        var (outputs, inputs) = _inputsFirst ? (parameter.shape[1], parameter.shape[0]) : (parameter.shape[0], parameter.shape[1]);
        var shape = Math.Sqrt(Math.Max(1, (double)outputs / inputs));
        parameter.mul_(1 - rate * _options.WeightDecay).add_(update, -rate * shape);
    }

    private void StepAdamW(string name, Tensor parameter, Tensor gradient, long step, double rate)
    {
        var (average, square) = (_state[$"{name}.exp_avg"], _state[$"{name}.exp_avg_sq"]);
        var (beta1, beta2) = (_options.AdamBeta1, _options.AdamBeta2);
        average.mul_(beta1).add_(gradient, 1 - beta1);
        square.mul_(beta2).addcmul_(gradient, gradient, 1 - beta2);

        var correction1 = 1 - Math.Pow(beta1, step + 1);
        var correction2 = 1 - Math.Pow(beta2, step + 1);
        var denominator = square.sqrt().div_(Math.Sqrt(correction2)).add_(_options.AdamEpsilon);
        if (parameter.dim() >= 2)
        {
            parameter.mul_(1 - rate * _options.WeightDecay);
        }

        parameter.addcdiv_(average, denominator, -rate / correction1);
    }

    private double GradientNorm()
    {
        using var scope = NewDisposeScope();
        var norms = _parameters.Where(parameter => parameter.Parameter.grad is not null).Select(parameter => parameter.Parameter.grad!.norm());
        return stack([.. norms]).norm().item<float>();
    }

    private static bool IsInBlock(string name) => name.Contains(".h.", StringComparison.Ordinal) || name.Contains(".layers.", StringComparison.Ordinal);
}

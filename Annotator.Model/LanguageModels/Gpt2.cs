using TorchSharp;
using static TorchSharp.torch;

namespace Annotator.Model.LanguageModels;

/// <summary>GPT-2's shape, from the keys of Hugging Face's config.json.</summary>
public sealed record Gpt2Config
{
    /// <summary>vocab_size.</summary>
    public required int VocabularySize { get; init; }

    /// <summary>n_positions.</summary>
    public required int ContextLength { get; init; }

    /// <summary>n_embd.</summary>
    public required int Width { get; init; }

    /// <summary>n_layer.</summary>
    public required int Layers { get; init; }

    /// <summary>n_head.</summary>
    public required int Heads { get; init; }

    /// <summary>n_inner; four times the width unless given.</summary>
    public required int InnerWidth { get; init; }

    /// <summary>layer_norm_epsilon.</summary>
    public double NormEpsilon { get; init; } = 1e-5;

    /// <summary>activation_function.</summary>
    public string Activation { get; init; } = "gelu_new";

    /// <summary>initializer_range.</summary>
    public double InitialDeviation { get; init; } = 0.02;

    /// <summary>tie_word_embeddings: the head is the token embedding.</summary>
    public bool TiedHead { get; init; } = true;

    /// <summary>scale_attn_weights: divide by √d.</summary>
    public bool ScaleAttention { get; init; } = true;

    /// <summary>scale_attn_by_inverse_layer_idx: divide by the layer's number too.</summary>
    public bool ScaleAttentionByLayer { get; init; }

    /// <summary>Reads config.json.</summary>
    /// <exception cref="FormatException">A key is missing or makes no sense.</exception>
    /// <exception cref="NotSupportedException">An activation function that is not known here.</exception>
    internal static Gpt2Config Read(ConfigReader config)
    {
        var width = config.Size("n_embd");
        var heads = config.Size("n_head");
        return new()
        {
            VocabularySize = config.Size("vocab_size"),
            ContextLength = config.Size("n_positions", "n_ctx"),
            Width = width,
            Layers = config.Layers("n_layer"),
            Heads = width % heads == 0 ? heads : throw new FormatException($"\"n_embd\" ({width}) is not a multiple of \"n_head\" ({heads})"),
            InnerWidth = config.OptionalSize("n_inner") ?? 4 * width,
            NormEpsilon = config.Number("layer_norm_epsilon") ?? 1e-5,
            Activation = LanguageModels.Activation.Require(config.Text("activation_function") ?? "gelu_new"),
            InitialDeviation = config.Number("initializer_range") ?? 0.02,
            TiedHead = config.Flag("tie_word_embeddings") ?? true,
            ScaleAttention = config.Flag("scale_attn_weights") ?? true,
            ScaleAttentionByLayer = config.Flag("scale_attn_by_inverse_layer_idx") ?? false,
        };
    }

    /// <summary>The tensors of this shape, as in openai-community/gpt2: Conv1D weights are [in, out].</summary>
    public Architecture Architecture() => new(
        "gpt2",
        [.. ParameterShapes()],
        CanonicalName,
        parameters => new Gpt2(this, parameters));

    private IEnumerable<ParameterShape> ParameterShapes()
    {
        // Radford et al. (2019), section 2.3: residual projections start smaller, by 1/√(number of residual layers).
        var residual = InitialDeviation / Math.Sqrt(2.0 * Layers);

        yield return new("transformer.wte.weight", [VocabularySize, Width], 0, InitialDeviation);
        yield return new("transformer.wpe.weight", [ContextLength, Width], 0, InitialDeviation);
        for (var i = 0; i < Layers; i++)
        {
            var block = $"transformer.h.{i}";
            yield return new($"{block}.ln_1.weight", [Width], 1, 0);
            yield return new($"{block}.ln_1.bias", [Width], 0, 0);
            yield return new($"{block}.attn.c_attn.weight", [Width, 3L * Width], 0, InitialDeviation, InputsFirst: true);
            yield return new($"{block}.attn.c_attn.bias", [3L * Width], 0, 0);
            yield return new($"{block}.attn.c_proj.weight", [Width, Width], 0, residual, InputsFirst: true);
            yield return new($"{block}.attn.c_proj.bias", [Width], 0, 0);
            yield return new($"{block}.ln_2.weight", [Width], 1, 0);
            yield return new($"{block}.ln_2.bias", [Width], 0, 0);
            yield return new($"{block}.mlp.c_fc.weight", [Width, InnerWidth], 0, InitialDeviation, InputsFirst: true);
            yield return new($"{block}.mlp.c_fc.bias", [InnerWidth], 0, 0);
            yield return new($"{block}.mlp.c_proj.weight", [InnerWidth, Width], 0, residual, InputsFirst: true);
            yield return new($"{block}.mlp.c_proj.bias", [Width], 0, 0);
        }

        yield return new("transformer.ln_f.weight", [Width], 1, 0);
        yield return new("transformer.ln_f.bias", [Width], 0, 0);
        if (!TiedHead)
        {
            yield return new("lm_head.weight", [VocabularySize, Width], 0, InitialDeviation);
        }
    }

    /// <summary>The hub's own "gpt2" has no prefix and stores the causal mask in each block; a tied head may be stored twice.</summary>
    private string? CanonicalName(string name)
    {
        if (name == "lm_head.weight")
        {
            return TiedHead ? null : name;
        }

        if (name.EndsWith(".attn.bias", StringComparison.Ordinal) || name.EndsWith(".attn.masked_bias", StringComparison.Ordinal))
        {
            return null;
        }

        return name.StartsWith("transformer.", StringComparison.Ordinal) ? name : "transformer." + name;
    }
}

/// <summary>GPT-2 (Radford et al. 2019): learned positions, pre-norm blocks, GELU, by default a tied head.</summary>
public sealed class Gpt2 : LanguageModel
{
    private readonly Gpt2Config _config;
    private readonly Tensor _tokens, _positions, _normWeight, _normBias;
    private readonly Tensor? _head;
    private readonly Gpt2Block[] _blocks;

    /// <param name="config">The shape.</param>
    /// <param name="parameters">All tensors that <see cref="Gpt2Config.Architecture"/> names; owned by the model from here on.</param>
    public Gpt2(Gpt2Config config, IReadOnlyDictionary<string, Tensor> parameters)
        : base(parameters)
    {
        _config = config;
        _tokens = parameters["transformer.wte.weight"];
        _positions = parameters["transformer.wpe.weight"];
        _normWeight = parameters["transformer.ln_f.weight"];
        _normBias = parameters["transformer.ln_f.bias"];
        _head = config.TiedHead ? _tokens : parameters.GetValueOrDefault("lm_head.weight");
        _blocks = [.. Enumerable.Range(0, config.Layers).Select(i => new Gpt2Block(this, i))];
    }

    public override int VocabularySize => _config.VocabularySize;

    public override int ContextLength => _config.ContextLength;

    public override int Layers => _config.Layers;

    public override int Width => _config.Width;

    public override int KeyValueHeads => _config.Heads;

    public override int HeadWidth => _config.Width / _config.Heads;

    public override bool InputsFirst => true;

    public override Tensor Logits(Tensor hidden) => Projection.Linear(hidden, _head ?? throw NoLanguageHead());

    protected override LanguageModel SameShape(IReadOnlyDictionary<string, Tensor> parameters) => new Gpt2(_config, parameters);

    protected override Tensor Embed(Tensor ids, Tensor positions) => Drop(Rows(_tokens, ids) + Rows(_positions, positions));

    protected override Tensor Block(int layer, Tensor x, Pass pass) => _blocks[layer].Forward(x, pass);

    protected override Tensor Norm(Tensor x) => nn.functional.layer_norm(x, [Width], _normWeight, _normBias, _config.NormEpsilon);

    private sealed class Gpt2Block
    {
        private readonly Gpt2 _model;
        private readonly int _layer;
        private readonly double _queryScale;
        private readonly Func<Tensor, Tensor> _activation;
        private readonly Tensor _norm1Weight, _norm1Bias, _attentionWeight, _attentionBias, _projectionWeight, _projectionBias;
        private readonly Tensor _norm2Weight, _norm2Bias, _innerWeight, _innerBias, _outerWeight, _outerBias;

        public Gpt2Block(Gpt2 model, int layer)
        {
            _model = model;
            _layer = layer;
            var config = model._config;
            _queryScale = (config.ScaleAttention ? 1 : Math.Sqrt(model.HeadWidth)) / (config.ScaleAttentionByLayer ? layer + 1 : 1);

            _activation = Activation.Of(config.Activation);

            Tensor Parameter(string name) => model.Parameters[$"transformer.h.{layer}.{name}"];
            (_norm1Weight, _norm1Bias) = (Parameter("ln_1.weight"), Parameter("ln_1.bias"));
            (_attentionWeight, _attentionBias) = (Parameter("attn.c_attn.weight"), Parameter("attn.c_attn.bias"));
            (_projectionWeight, _projectionBias) = (Parameter("attn.c_proj.weight"), Parameter("attn.c_proj.bias"));
            (_norm2Weight, _norm2Bias) = (Parameter("ln_2.weight"), Parameter("ln_2.bias"));
            (_innerWeight, _innerBias) = (Parameter("mlp.c_fc.weight"), Parameter("mlp.c_fc.bias"));
            (_outerWeight, _outerBias) = (Parameter("mlp.c_proj.weight"), Parameter("mlp.c_proj.bias"));
        }

        public Tensor Forward(Tensor x, Pass pass)                                                // (B, T, C)
        {
            x = x + Attend(Norm(x, _norm1Weight, _norm1Bias), pass);
            return x + FeedForward(Norm(x, _norm2Weight, _norm2Bias));
        }

        private Tensor Attend(Tensor x, Pass pass)
        {
            var (rows, length) = (x.shape[0], x.shape[1]);
            var qkv = _model.Conv1D(x, _attentionWeight, _attentionBias)                                // (B, T, 3C)
                .view(rows, length, 3, _model.KeyValueHeads, _model.HeadWidth)
                .permute(2, 0, 3, 1, 4)                                                           // (3, B, heads, T, d)
                .unbind(0);
            var (query, key, value) = (qkv[0], qkv[1], qkv[2]);
            if (_queryScale != 1)
            {
                query = query * _queryScale;
            }

            var attended = Attention.Attend(query, key, value, pass, _layer, _model.Dropout);     // (B, T, C)
            return _model.Drop(_model.Conv1D(attended, _projectionWeight, _projectionBias));
        }

        private Tensor FeedForward(Tensor x)
        {
            var inner = _activation(_model.Conv1D(x, _innerWeight, _innerBias));              // (B, T, 4C)
            return _model.Drop(_model.Conv1D(inner, _outerWeight, _outerBias));               // (B, T, C)
        }

        private Tensor Norm(Tensor x, Tensor weight, Tensor bias) =>
            nn.functional.layer_norm(x, [_model.Width], weight, bias, _model._config.NormEpsilon);
    }
}

using TorchSharp;
using static TorchSharp.torch;

namespace Annotator.Model.LanguageModels;

/// <summary>GPT-NeoX's shape, from the keys of Hugging Face's config.json.</summary>
public sealed record GptNeoXConfig
{
    /// <summary>vocab_size.</summary>
    public required int VocabularySize { get; init; }

    /// <summary>max_position_embeddings.</summary>
    public required int ContextLength { get; init; }

    /// <summary>hidden_size.</summary>
    public required int Width { get; init; }

    /// <summary>num_hidden_layers.</summary>
    public required int Layers { get; init; }

    /// <summary>num_attention_heads.</summary>
    public required int Heads { get; init; }

    /// <summary>intermediate_size.</summary>
    public required int InnerWidth { get; init; }

    /// <summary>rotary_pct, rotary_emb_base and rope_scaling: by default a quarter of each head turns.</summary>
    public required RotaryEmbedding Rotary { get; init; }

    /// <summary>use_parallel_residual: attention and feed-forward layer both read the block's input.</summary>
    public bool ParallelResidual { get; init; } = true;

    /// <summary>layer_norm_eps.</summary>
    public double NormEpsilon { get; init; } = 1e-5;

    /// <summary>hidden_act.</summary>
    public string Activation { get; init; } = "gelu";

    /// <summary>initializer_range.</summary>
    public double InitialDeviation { get; init; } = 0.02;

    /// <summary>attention_bias.</summary>
    public bool AttentionBias { get; init; } = true;

    /// <summary>tie_word_embeddings: the head is the token embedding.</summary>
    public bool TiedHead { get; init; }

    /// <summary>Reads config.json.</summary>
    /// <exception cref="FormatException">A key is missing or makes no sense.</exception>
    /// <exception cref="NotSupportedException">An activation function or rotary scaling that is not known here.</exception>
    internal static GptNeoXConfig Read(ConfigReader config)
    {
        var (width, heads) = (config.Size("hidden_size"), config.Size("num_attention_heads"));
        if (width % heads != 0)
        {
            throw new FormatException($"\"hidden_size\" ({width}) is not a multiple of \"num_attention_heads\" ({heads})");
        }

        return new()
        {
            VocabularySize = config.Size("vocab_size"),
            ContextLength = config.Size("max_position_embeddings"),
            Width = width,
            Layers = config.Layers("num_hidden_layers"),
            Heads = heads,
            InnerWidth = config.Size("intermediate_size"),
            Rotary = RotaryEmbedding.Read(config, RotaryPairs.Halves, width / heads, 0.25, "rotary_emb_base", "rotary_pct"),
            ParallelResidual = config.Flag("use_parallel_residual") ?? true,
            NormEpsilon = config.Number("layer_norm_eps") ?? 1e-5,
            Activation = LanguageModels.Activation.Require(config.Text("hidden_act") ?? "gelu"),
            InitialDeviation = config.Number("initializer_range") ?? 0.02,
            AttentionBias = config.Flag("attention_bias") ?? true,
            TiedHead = config.Flag("tie_word_embeddings") ?? false,
        };
    }

    /// <summary>The tensors of this shape, as in EleutherAI/pythia-2.8b.</summary>
    public Architecture Architecture() => new(
        "gpt_neox",
        [.. ParameterShapes()],
        CanonicalName,
        parameters => new GptNeoX(this, parameters));

    private IEnumerable<ParameterShape> ParameterShapes()
    {
        yield return new("gpt_neox.embed_in.weight", [VocabularySize, Width], 0, InitialDeviation);
        for (var i = 0; i < Layers; i++)
        {
            var block = $"gpt_neox.layers.{i}";
            yield return new($"{block}.input_layernorm.weight", [Width], 1, 0);
            yield return new($"{block}.input_layernorm.bias", [Width], 0, 0);
            yield return new($"{block}.post_attention_layernorm.weight", [Width], 1, 0);
            yield return new($"{block}.post_attention_layernorm.bias", [Width], 0, 0);
            yield return new($"{block}.attention.query_key_value.weight", [3L * Width, Width], 0, InitialDeviation);
            yield return new($"{block}.attention.dense.weight", [Width, Width], 0, InitialDeviation);
            if (AttentionBias)
            {
                yield return new($"{block}.attention.query_key_value.bias", [3L * Width], 0, 0);
                yield return new($"{block}.attention.dense.bias", [Width], 0, 0);
            }

            yield return new($"{block}.mlp.dense_h_to_4h.weight", [InnerWidth, Width], 0, InitialDeviation);
            yield return new($"{block}.mlp.dense_h_to_4h.bias", [InnerWidth], 0, 0);
            yield return new($"{block}.mlp.dense_4h_to_h.weight", [Width, InnerWidth], 0, InitialDeviation);
            yield return new($"{block}.mlp.dense_4h_to_h.bias", [Width], 0, 0);
        }

        yield return new("gpt_neox.final_layer_norm.weight", [Width], 1, 0);
        yield return new("gpt_neox.final_layer_norm.bias", [Width], 0, 0);
        if (!TiedHead)
        {
            yield return new("embed_out.weight", [VocabularySize, Width], 0, InitialDeviation);
        }
    }

    /// <summary>Pythia's own files store masks and rotary frequencies in each block; a tied head may be stored twice.</summary>
    private string? CanonicalName(string name)
    {
        if (name == "embed_out.weight")
        {
            return TiedHead ? null : name;
        }

        if (name.EndsWith(".attention.bias", StringComparison.Ordinal)
            || name.EndsWith(".attention.masked_bias", StringComparison.Ordinal)
            || name.EndsWith(".rotary_emb.inv_freq", StringComparison.Ordinal))
        {
            return null;
        }

        return name.StartsWith("gpt_neox.", StringComparison.Ordinal) ? name : "gpt_neox." + name;
    }
}

/// <summary>GPT-NeoX (Black et al. 2022) and Pythia: partly rotary heads, by default parallel residuals and a head of its own.</summary>
public sealed class GptNeoX : LanguageModel
{
    private readonly GptNeoXConfig _config;
    private readonly Tensor _tokens, _normWeight, _normBias;
    private readonly Tensor? _head;
    private readonly GptNeoXBlock[] _blocks;

    /// <param name="config">The shape.</param>
    /// <param name="parameters">All tensors that <see cref="GptNeoXConfig.Architecture"/> names; owned by the model from here on.</param>
    public GptNeoX(GptNeoXConfig config, IReadOnlyDictionary<string, Tensor> parameters)
        : base(parameters)
    {
        _config = config;
        _tokens = parameters["gpt_neox.embed_in.weight"];
        _normWeight = parameters["gpt_neox.final_layer_norm.weight"];
        _normBias = parameters["gpt_neox.final_layer_norm.bias"];
        _head = config.TiedHead ? _tokens : parameters.GetValueOrDefault("embed_out.weight");
        _blocks = [.. Enumerable.Range(0, config.Layers).Select(i => new GptNeoXBlock(this, i))];
    }

    public override int VocabularySize => _config.VocabularySize;

    public override int ContextLength => _config.ContextLength;

    public override int Layers => _config.Layers;

    public override int Width => _config.Width;

    public override int KeyValueHeads => _config.Heads;

    public override int HeadWidth => _config.Width / _config.Heads;

    public override Tensor Logits(Tensor hidden) => Projection.Linear(hidden, _head ?? throw NoLanguageHead());

    protected override RotaryEmbedding Rotary => _config.Rotary;

    protected override LanguageModel SameShape(IReadOnlyDictionary<string, Tensor> parameters) => new GptNeoX(_config, parameters);

    protected override Tensor Embed(Tensor ids, Tensor positions) => Drop(Rows(_tokens, ids));

    protected override Tensor Block(int layer, Tensor x, Pass pass) => _blocks[layer].Forward(x, pass);

    protected override Tensor Norm(Tensor x) => nn.functional.layer_norm(x, [Width], _normWeight, _normBias, _config.NormEpsilon);

    private sealed class GptNeoXBlock
    {
        private readonly GptNeoX _model;
        private readonly int _layer;
        private readonly Func<Tensor, Tensor> _activation;
        private readonly Tensor _norm1Weight, _norm1Bias, _norm2Weight, _norm2Bias, _attentionWeight, _projectionWeight;
        private readonly Tensor? _attentionBias, _projectionBias;
        private readonly Tensor _innerWeight, _innerBias, _outerWeight, _outerBias;

        public GptNeoXBlock(GptNeoX model, int layer)
        {
            (_model, _layer) = (model, layer);
            _activation = Activation.Of(model._config.Activation);

            Tensor Parameter(string name) => model.Parameters[$"gpt_neox.layers.{layer}.{name}"];
            Tensor? Optional(string name) => model.Parameters.GetValueOrDefault($"gpt_neox.layers.{layer}.{name}");
            (_norm1Weight, _norm1Bias) = (Parameter("input_layernorm.weight"), Parameter("input_layernorm.bias"));
            (_norm2Weight, _norm2Bias) = (Parameter("post_attention_layernorm.weight"), Parameter("post_attention_layernorm.bias"));
            (_attentionWeight, _attentionBias) = (Parameter("attention.query_key_value.weight"), Optional("attention.query_key_value.bias"));
            (_projectionWeight, _projectionBias) = (Parameter("attention.dense.weight"), Optional("attention.dense.bias"));
            (_innerWeight, _innerBias) = (Parameter("mlp.dense_h_to_4h.weight"), Parameter("mlp.dense_h_to_4h.bias"));
            (_outerWeight, _outerBias) = (Parameter("mlp.dense_4h_to_h.weight"), Parameter("mlp.dense_4h_to_h.bias"));
        }

        public Tensor Forward(Tensor x, Pass pass)                                                // (B, T, C)
        {
            var attended = Attend(Norm(x, _norm1Weight, _norm1Bias), pass);
            if (_model._config.ParallelResidual)
            {
                return FeedForward(Norm(x, _norm2Weight, _norm2Bias)) + attended + x;
            }

            x = x + attended;
            return x + FeedForward(Norm(x, _norm2Weight, _norm2Bias));
        }

        private Tensor Attend(Tensor x, Pass pass)
        {
            // Each head's query, key and value lie side by side.
            var parts = _model.Linear(x, _attentionWeight, _attentionBias)                    // (B, T, 3C)
                .view(x.shape[0], x.shape[1], -1, 3 * _model.HeadWidth)
                .transpose(1, 2)                                                                  // (B, heads, T, 3d)
                .chunk(3, -1);
            var attended = Attention.Attend(
                pass.Rotation!.Apply(parts[0]), pass.Rotation.Apply(parts[1]), parts[2], pass, _layer, _model.Dropout);
            return _model.Drop(_model.Linear(attended, _projectionWeight, _projectionBias));  // (B, T, C)
        }

        private Tensor FeedForward(Tensor x)
        {
            var inner = _activation(_model.Linear(x, _innerWeight, _innerBias));              // (B, T, inner)
            return _model.Drop(_model.Linear(inner, _outerWeight, _outerBias));               // (B, T, C)
        }

        private Tensor Norm(Tensor x, Tensor weight, Tensor bias) =>
            nn.functional.layer_norm(x, [_model.Width], weight, bias, _model._config.NormEpsilon);
    }
}

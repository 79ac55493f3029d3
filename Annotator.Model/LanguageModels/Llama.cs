using TorchSharp;
using static TorchSharp.torch;

namespace Annotator.Model.LanguageModels;

/// <summary>The shape of Llama, Mistral or Qwen2, from the keys of Hugging Face's config.json.</summary>
public sealed record LlamaConfig
{
    /// <summary>model_type: llama, mistral or qwen2.</summary>
    public required string ModelType { get; init; }

    /// <summary>vocab_size.</summary>
    public required int VocabularySize { get; init; }

    /// <summary>
    /// max_position_embeddings, or sliding_window where one is active and shorter: up to its length the window hides
    /// nothing, and longer texts are refused rather than read otherwise than the policy was trained.
    /// </summary>
    public required int ContextLength { get; init; }

    /// <summary>hidden_size.</summary>
    public required int Width { get; init; }

    /// <summary>num_hidden_layers.</summary>
    public required int Layers { get; init; }

    /// <summary>num_attention_heads.</summary>
    public required int Heads { get; init; }

    /// <summary>num_key_value_heads: each serves a group of neighbouring query heads.</summary>
    public required int KeyValueHeads { get; init; }

    /// <summary>head_dim; the width shared out among the heads unless given.</summary>
    public required int HeadWidth { get; init; }

    /// <summary>intermediate_size.</summary>
    public required int InnerWidth { get; init; }

    /// <summary>rope_theta and rope_scaling.</summary>
    public required RotaryEmbedding Rotary { get; init; }

    /// <summary>rms_norm_eps.</summary>
    public double NormEpsilon { get; init; } = 1e-6;

    /// <summary>hidden_act.</summary>
    public string Activation { get; init; } = "silu";

    /// <summary>initializer_range.</summary>
    public double InitialDeviation { get; init; } = 0.02;

    /// <summary>tie_word_embeddings: the head is the token embedding.</summary>
    public bool TiedHead { get; init; }

    /// <summary>Biases of the query, key and value projections: always Qwen2's, Llama's with attention_bias.</summary>
    public bool QueryBias { get; init; }

    /// <summary>A bias of the attention's output: Llama's with attention_bias.</summary>
    public bool OutputBias { get; init; }

    /// <summary>Biases in the feed-forward layers: Llama's with mlp_bias.</summary>
    public bool InnerBias { get; init; }

    /// <summary>Reads config.json.</summary>
    /// <exception cref="FormatException">A key is missing or makes no sense.</exception>
    /// <exception cref="NotSupportedException">An activation function or rotary scaling that is not known here.</exception>
    internal static LlamaConfig Read(ConfigReader config)
    {
        var (modelType, width, heads) = (config.Text("model_type")!, config.Size("hidden_size"), config.Size("num_attention_heads"));
        var keyValueHeads = config.OptionalSize("num_key_value_heads") ?? heads;
        if (heads % keyValueHeads != 0)
        {
            throw new FormatException($"\"num_attention_heads\" ({heads}) is not a multiple of \"num_key_value_heads\" ({keyValueHeads})");
        }

        var headWidth = config.OptionalSize("head_dim")
            ?? (width % heads == 0 ? width / heads : throw new FormatException($"\"hidden_size\" ({width}) is not a multiple of \"num_attention_heads\" ({heads})"));
        var layers = config.Layers("num_hidden_layers");
        var context = config.Size("max_position_embeddings");
        var attentionBias = modelType == "llama" && (config.Flag("attention_bias") ?? false);
        return new()
        {
            ModelType = modelType,
            VocabularySize = config.Size("vocab_size"),
            ContextLength = Math.Min(context, ActiveWindow(config, modelType, layers) ?? context),
            Width = width,
            Layers = layers,
            Heads = heads,
            KeyValueHeads = keyValueHeads,
            HeadWidth = headWidth,
            InnerWidth = config.Size("intermediate_size"),
            Rotary = RotaryEmbedding.Read(config, RotaryPairs.Halves, headWidth),
            NormEpsilon = config.Number("rms_norm_eps") ?? 1e-6,
            Activation = LanguageModels.Activation.Require(config.Text("hidden_act") ?? "silu"),
            InitialDeviation = config.Number("initializer_range") ?? 0.02,
            TiedHead = config.Flag("tie_word_embeddings") ?? false,
            QueryBias = attentionBias || modelType == "qwen2",
            OutputBias = attentionBias,
            InnerBias = modelType == "llama" && (config.Flag("mlp_bias") ?? false),
        };
    }

    /// <summary>The tensors of this shape, as in meta-llama/Llama-3.2-1B; Mistral and Qwen2 name theirs alike.</summary>
    public Architecture Architecture() => new(
        ModelType,
        [.. ParameterShapes()],
        CanonicalName,
        parameters => new Llama(this, parameters));

    /// <summary>Tokens that each may look back on, itself included; null where nothing limits them.</summary>
    private static int? ActiveWindow(ConfigReader config, string modelType, int layers) => modelType switch
    {
        "mistral" => config.OptionalSize("sliding_window"),
        // The first max_window_layers of Qwen2 see everything even then.
        "qwen2" when config.Flag("use_sliding_window") == true && !(config.Number("max_window_layers") >= layers) => config.OptionalSize("sliding_window") ?? 4096,
        _ => null,
    };

    private IEnumerable<ParameterShape> ParameterShapes()
    {
        var (queries, keys) = ((long)Heads * HeadWidth, (long)KeyValueHeads * HeadWidth);
        yield return new("model.embed_tokens.weight", [VocabularySize, Width], 0, InitialDeviation);
        for (var i = 0; i < Layers; i++)
        {
            var block = $"model.layers.{i}";
            yield return new($"{block}.input_layernorm.weight", [Width], 1, 0);
            foreach (var shape in Projection($"{block}.self_attn.q_proj", queries, Width, QueryBias)
                .Concat(Projection($"{block}.self_attn.k_proj", keys, Width, QueryBias))
                .Concat(Projection($"{block}.self_attn.v_proj", keys, Width, QueryBias))
                .Concat(Projection($"{block}.self_attn.o_proj", Width, queries, OutputBias)))
            {
                yield return shape;
            }

            yield return new($"{block}.post_attention_layernorm.weight", [Width], 1, 0);
            foreach (var shape in Projection($"{block}.mlp.gate_proj", InnerWidth, Width, InnerBias)
                .Concat(Projection($"{block}.mlp.up_proj", InnerWidth, Width, InnerBias))
                .Concat(Projection($"{block}.mlp.down_proj", Width, InnerWidth, InnerBias)))
            {
                yield return shape;
            }
        }

        yield return new("model.norm.weight", [Width], 1, 0);
        if (!TiedHead)
        {
            yield return new("lm_head.weight", [VocabularySize, Width], 0, InitialDeviation);
        }
    }

    private IEnumerable<ParameterShape> Projection(string name, long outputs, long inputs, bool bias)
    {
        yield return new($"{name}.weight", [outputs, inputs], 0, InitialDeviation);
        if (bias)
        {
            yield return new($"{name}.bias", [outputs], 0, 0);
        }
    }

    /// <summary>Older files store the rotary frequencies in each block; a tied head may be stored twice.</summary>
    private string? CanonicalName(string name)
    {
        if (name == "lm_head.weight")
        {
            return TiedHead ? null : name;
        }

        if (name.EndsWith(".rotary_emb.inv_freq", StringComparison.Ordinal))
        {
            return null;
        }

        return name.StartsWith("model.", StringComparison.Ordinal) ? name : "model." + name;
    }
}

/// <summary>
/// Llama (Touvron et al. 2023), Mistral (Jiang et al. 2023) and Qwen2 (Yang et al. 2024): pre-norm blocks with
/// RMSNorm, rotary positions, grouped queries and a gated feed-forward layer (SwiGLU).
/// </summary>
public sealed class Llama : LanguageModel
{
    private readonly LlamaConfig _config;
    private readonly Tensor _tokens, _norm;
    private readonly Tensor? _head;
    private readonly LlamaBlock[] _blocks;

    /// <param name="config">The shape.</param>
    /// <param name="parameters">All tensors that <see cref="LlamaConfig.Architecture"/> names; owned by the model from here on.</param>
    public Llama(LlamaConfig config, IReadOnlyDictionary<string, Tensor> parameters)
        : base(parameters)
    {
        _config = config;
        _tokens = parameters["model.embed_tokens.weight"];
        _norm = parameters["model.norm.weight"];
        _head = config.TiedHead ? _tokens : parameters.GetValueOrDefault("lm_head.weight");
        _blocks = [.. Enumerable.Range(0, config.Layers).Select(i => new LlamaBlock(this, i))];
    }

    public override int VocabularySize => _config.VocabularySize;

    public override int ContextLength => _config.ContextLength;

    public override int Layers => _config.Layers;

    public override int Width => _config.Width;

    public override int KeyValueHeads => _config.KeyValueHeads;

    public override int HeadWidth => _config.HeadWidth;

    public override Tensor Logits(Tensor hidden) => Projection.Linear(hidden, _head ?? throw NoLanguageHead());

    protected override RotaryEmbedding Rotary => _config.Rotary;

    protected override LanguageModel SameShape(IReadOnlyDictionary<string, Tensor> parameters) => new Llama(_config, parameters);

    protected override Tensor Embed(Tensor ids, Tensor positions) => Drop(Rows(_tokens, ids));

    protected override Tensor Block(int layer, Tensor x, Pass pass) => _blocks[layer].Forward(x, pass);

    protected override Tensor Norm(Tensor x) => RmsNorm.Of(x, _norm, _config.NormEpsilon);

    private sealed class LlamaBlock
    {
        private readonly Llama _model;
        private readonly int _layer;
        private readonly Func<Tensor, Tensor> _activation;
        private readonly Tensor _norm1, _norm2, _query, _key, _value, _output, _gate, _up, _down;
        private readonly Tensor? _queryBias, _keyBias, _valueBias, _outputBias, _gateBias, _upBias, _downBias;

        public LlamaBlock(Llama model, int layer)
        {
            (_model, _layer) = (model, layer);
            _activation = Activation.Of(model._config.Activation);

            Tensor Weight(string name) => model.Parameters[$"model.layers.{layer}.{name}.weight"];
            Tensor? Bias(string name) => model.Parameters.GetValueOrDefault($"model.layers.{layer}.{name}.bias");
            (_norm1, _norm2) = (Weight("input_layernorm"), Weight("post_attention_layernorm"));
            (_query, _queryBias) = (Weight("self_attn.q_proj"), Bias("self_attn.q_proj"));
            (_key, _keyBias) = (Weight("self_attn.k_proj"), Bias("self_attn.k_proj"));
            (_value, _valueBias) = (Weight("self_attn.v_proj"), Bias("self_attn.v_proj"));
            (_output, _outputBias) = (Weight("self_attn.o_proj"), Bias("self_attn.o_proj"));
            (_gate, _gateBias) = (Weight("mlp.gate_proj"), Bias("mlp.gate_proj"));
            (_up, _upBias) = (Weight("mlp.up_proj"), Bias("mlp.up_proj"));
            (_down, _downBias) = (Weight("mlp.down_proj"), Bias("mlp.down_proj"));
        }

        public Tensor Forward(Tensor x, Pass pass)                                                // (B, T, C)
        {
            x = x + Attend(RmsNorm.Of(x, _norm1, _model._config.NormEpsilon), pass);
            return x + FeedForward(RmsNorm.Of(x, _norm2, _model._config.NormEpsilon));
        }

        private Tensor Attend(Tensor x, Pass pass)
        {
            var query = pass.Rotation!.Apply(Heads(_model.Linear(x, _query, _queryBias)));    // (B, heads, T, d)
            var key = pass.Rotation.Apply(Heads(_model.Linear(x, _key, _keyBias)));           // (B, key heads, T, d)
            var value = Heads(_model.Linear(x, _value, _valueBias));                          // (B, key heads, T, d)
            var attended = Attention.Attend(query, key, value, pass, _layer, _model.Dropout);     // (B, T, heads · d)
            return _model.Drop(_model.Linear(attended, _output, _outputBias));                // (B, T, C)

            Tensor Heads(Tensor projected) => projected.view(x.shape[0], x.shape[1], -1, _model.HeadWidth).transpose(1, 2);
        }

        private Tensor FeedForward(Tensor x)
        {
            var gate = _activation(_model.Linear(x, _gate, _gateBias));                       // (B, T, inner)
            return _model.Drop(_model.Linear(gate * _model.Linear(x, _up, _upBias), _down, _downBias));
        }
    }
}

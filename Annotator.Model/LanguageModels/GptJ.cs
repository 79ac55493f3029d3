using TorchSharp;
using static TorchSharp.torch;

namespace Annotator.Model.LanguageModels;

/// <summary>GPT-J's shape, from the keys of Hugging Face's config.json.</summary>
public sealed record GptJConfig
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

    /// <summary>rotary_dim: the first dimensions of each head turn, neighbours together.</summary>
    public required RotaryEmbedding Rotary { get; init; }

    /// <summary>layer_norm_epsilon.</summary>
    public double NormEpsilon { get; init; } = 1e-5;

    /// <summary>activation_function.</summary>
    public string Activation { get; init; } = "gelu_new";

    /// <summary>initializer_range.</summary>
    public double InitialDeviation { get; init; } = 0.02;

    /// <summary>tie_word_embeddings: the head is the token embedding, with a bias of its own.</summary>
    public bool TiedHead { get; init; }

    /// <summary>Reads config.json.</summary>
    /// <exception cref="FormatException">A key is missing or makes no sense.</exception>
    /// <exception cref="NotSupportedException">An activation function that is not known here.</exception>
    internal static GptJConfig Read(ConfigReader config)
    {
        var (width, heads, rotary) = (config.Size("n_embd"), config.Size("n_head"), config.OptionalSize("rotary_dim") ?? 64);
        if (width % heads != 0)
        {
            throw new FormatException($"\"n_embd\" ({width}) is not a multiple of \"n_head\" ({heads})");
        }

        if (rotary % 2 != 0 || rotary > width / heads)
        {
            throw new FormatException($"\"rotary_dim\" is {rotary}; it must be even and at most {width / heads}, the width of a head");
        }

        return new()
        {
            VocabularySize = config.Size("vocab_size"),
            ContextLength = config.Size("n_positions"),
            Width = width,
            Layers = config.Layers("n_layer"),
            Heads = heads,
            InnerWidth = config.OptionalSize("n_inner") ?? 4 * width,
            Rotary = new(RotaryPairs.Neighbours, rotary, 10_000),
            NormEpsilon = config.Number("layer_norm_epsilon") ?? 1e-5,
            Activation = LanguageModels.Activation.Require(config.Text("activation_function") ?? "gelu_new"),
            InitialDeviation = config.Number("initializer_range") ?? 0.02,
            TiedHead = config.Flag("tie_word_embeddings") ?? false,
        };
    }

    /// <summary>The tensors of this shape, as in EleutherAI/gpt-j-6b.</summary>
    public Architecture Architecture() => new(
        "gptj",
        [.. ParameterShapes()],
        CanonicalName,
        parameters => new GptJ(this, parameters));

    private IEnumerable<ParameterShape> ParameterShapes()
    {
        yield return new("transformer.wte.weight", [VocabularySize, Width], 0, InitialDeviation);
        for (var i = 0; i < Layers; i++)
        {
            var block = $"transformer.h.{i}";
            yield return new($"{block}.ln_1.weight", [Width], 1, 0);
            yield return new($"{block}.ln_1.bias", [Width], 0, 0);
            yield return new($"{block}.attn.q_proj.weight", [Width, Width], 0, InitialDeviation);
            yield return new($"{block}.attn.k_proj.weight", [Width, Width], 0, InitialDeviation);
            yield return new($"{block}.attn.v_proj.weight", [Width, Width], 0, InitialDeviation);
            yield return new($"{block}.attn.out_proj.weight", [Width, Width], 0, InitialDeviation);
            yield return new($"{block}.mlp.fc_in.weight", [InnerWidth, Width], 0, InitialDeviation);
            yield return new($"{block}.mlp.fc_in.bias", [InnerWidth], 0, 0);
            yield return new($"{block}.mlp.fc_out.weight", [Width, InnerWidth], 0, InitialDeviation);
            yield return new($"{block}.mlp.fc_out.bias", [Width], 0, 0);
        }

        yield return new("transformer.ln_f.weight", [Width], 1, 0);
        yield return new("transformer.ln_f.bias", [Width], 0, 0);
        if (!TiedHead)
        {
            yield return new("lm_head.weight", [VocabularySize, Width], 0, InitialDeviation);
        }

        yield return new("lm_head.bias", [VocabularySize], 0, 0);
    }

    /// <summary>Older files store the causal mask and the rotary table in each block; a tied head may be stored twice.</summary>
    private string? CanonicalName(string name)
    {
        if (name is "lm_head.weight" or "lm_head.bias")
        {
            return TiedHead && name == "lm_head.weight" ? null : name;
        }

        if (name.EndsWith(".attn.bias", StringComparison.Ordinal)
            || name.EndsWith(".attn.masked_bias", StringComparison.Ordinal)
            || name.EndsWith(".attn.embed_positions", StringComparison.Ordinal))
        {
            return null;
        }

        return name.StartsWith("transformer.", StringComparison.Ordinal) ? name : "transformer." + name;
    }
}

/// <summary>GPT-J (Wang and Komatsuzaki 2021): one norm a block, attention and feed-forward layer beside each other, a head with bias.</summary>
public sealed class GptJ : LanguageModel
{
    private readonly GptJConfig _config;
    private readonly Tensor _tokens, _normWeight, _normBias;
    private readonly Tensor? _head, _headBias;
    private readonly GptJBlock[] _blocks;

    /// <param name="config">The shape.</param>
    /// <param name="parameters">All tensors that <see cref="GptJConfig.Architecture"/> names; owned by the model from here on.</param>
    public GptJ(GptJConfig config, IReadOnlyDictionary<string, Tensor> parameters)
        : base(parameters)
    {
        _config = config;
        _tokens = parameters["transformer.wte.weight"];
        _normWeight = parameters["transformer.ln_f.weight"];
        _normBias = parameters["transformer.ln_f.bias"];
        _head = config.TiedHead ? _tokens : parameters.GetValueOrDefault("lm_head.weight");
        _headBias = parameters.GetValueOrDefault("lm_head.bias");
        _blocks = [.. Enumerable.Range(0, config.Layers).Select(i => new GptJBlock(this, i))];
    }

    public override int VocabularySize => _config.VocabularySize;

    public override int ContextLength => _config.ContextLength;

    public override int Layers => _config.Layers;

    public override int Width => _config.Width;

    public override int KeyValueHeads => _config.Heads;

    public override int HeadWidth => _config.Width / _config.Heads;

    public override Tensor Logits(Tensor hidden) => Projection.Linear(hidden, _head ?? throw NoLanguageHead(), _headBias);

    protected override RotaryEmbedding Rotary => _config.Rotary;

    protected override LanguageModel SameShape(IReadOnlyDictionary<string, Tensor> parameters) => new GptJ(_config, parameters);

    protected override Tensor Embed(Tensor ids, Tensor positions) => Drop(Rows(_tokens, ids));

    protected override Tensor Block(int layer, Tensor x, Pass pass) => _blocks[layer].Forward(x, pass);

    protected override Tensor Norm(Tensor x) => nn.functional.layer_norm(x, [Width], _normWeight, _normBias, _config.NormEpsilon);

    private sealed class GptJBlock
    {
        private readonly GptJ _model;
        private readonly int _layer;
        private readonly Func<Tensor, Tensor> _activation;
        private readonly Tensor _normWeight, _normBias, _query, _key, _value, _output;
        private readonly Tensor _innerWeight, _innerBias, _outerWeight, _outerBias;

        public GptJBlock(GptJ model, int layer)
        {
            (_model, _layer) = (model, layer);
            _activation = Activation.Of(model._config.Activation);

            Tensor Parameter(string name) => model.Parameters[$"transformer.h.{layer}.{name}"];
            (_normWeight, _normBias) = (Parameter("ln_1.weight"), Parameter("ln_1.bias"));
            (_query, _key) = (Parameter("attn.q_proj.weight"), Parameter("attn.k_proj.weight"));
            (_value, _output) = (Parameter("attn.v_proj.weight"), Parameter("attn.out_proj.weight"));
            (_innerWeight, _innerBias) = (Parameter("mlp.fc_in.weight"), Parameter("mlp.fc_in.bias"));
            (_outerWeight, _outerBias) = (Parameter("mlp.fc_out.weight"), Parameter("mlp.fc_out.bias"));
        }

        public Tensor Forward(Tensor x, Pass pass)                                                // (B, T, C)
        {
            var normed = nn.functional.layer_norm(x, [_model.Width], _normWeight, _normBias, _model._config.NormEpsilon);
            return Attend(normed, pass) + FeedForward(normed) + x;
        }

        private Tensor Attend(Tensor x, Pass pass)
        {
            var query = pass.Rotation!.Apply(Heads(x, _query));                                   // (B, heads, T, d)
            var key = pass.Rotation.Apply(Heads(x, _key));
            var attended = Attention.Attend(query, key, Heads(x, _value), pass, _layer, _model.Dropout);
            return _model.Drop(_model.Linear(attended, _output));                             // (B, T, C)
        }

        private Tensor Heads(Tensor x, Tensor weight) =>
            _model.Linear(x, weight).view(x.shape[0], x.shape[1], -1, _model.HeadWidth).transpose(1, 2);

        private Tensor FeedForward(Tensor x)
        {
            var inner = _activation(_model.Linear(x, _innerWeight, _innerBias));              // (B, T, inner)
            return _model.Drop(_model.Linear(inner, _outerWeight, _outerBias));               // (B, T, C)
        }
    }
}

using static TorchSharp.torch;

namespace Annotator.Model.LanguageModels;

/// <summary>What every block of a model needs to know of the tokens that pass through.</summary>
/// <param name="Mask">From <see cref="Attention.Places"/>.</param>
/// <param name="Cache">Keys and values of earlier tokens, to be extended; null: there are none.</param>
/// <param name="Rotation">The turns of their positions, in families with rotary embeddings.</param>
/// <param name="Shared">Prompts that several responses share in one row; null: each row is a text.</param>
public sealed record Pass(Tensor? Mask, KeyValueCache? Cache, Rotation? Rotation, SharedPrompts? Shared = null);

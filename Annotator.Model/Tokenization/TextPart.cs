namespace Annotator.Model.Tokenization;

/// <summary>A piece of a text that has special tokens in it.</summary>
/// <param name="Text">Plain text, whatever it spells; or a special token's spelling.</param>
/// <param name="IsSpecial">It is that one token.</param>
/// <param name="IsTarget">It is to be learned: such text is encoded apart from what stands before it, as it will be sampled.</param>
public readonly record struct TextPart(string Text, bool IsSpecial = false, bool IsTarget = false);

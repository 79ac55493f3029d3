namespace Annotator.Model.Tokenization;

/// <summary>Where a text stands: some tokenizers put a space before a text, but never into the middle of one.</summary>
internal enum TextPlace
{
    /// <summary>Nothing stands before it.</summary>
    Start,

    /// <summary>A token of its own, such as a special one, stands before it.</summary>
    AfterToken,

    /// <summary>It goes on after other text.</summary>
    AfterText,
}

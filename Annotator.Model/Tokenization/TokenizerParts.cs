namespace Annotator.Model.Tokenization;

/// <summary>What a tokenizer is made of, whatever files it was read from.</summary>
internal sealed record TokenizerParts
{
    public required BytePairModel Model { get; init; }

    public required IReadOnlyList<AddedToken> Added { get; init; }

    public required Normaliser Normaliser { get; init; }

    public required PreTokenizer PreTokenizer { get; init; }

    public required TokenSpelling Spelling { get; init; }

    /// <summary>Put before a prompt.</summary>
    public IReadOnlyList<string> BeginTokens { get; init; } = [];

    /// <summary>Ends a text, if the vocabulary has it.</summary>
    public string? EndOfText { get; init; }
}

using System.Text;

namespace Annotator.Model.Tokenization;

/// <summary>
/// Turns the ids of a response into text as they come: a character whose bytes are spread over several tokens is held
/// back until it is whole. All together are <see cref="TextTokenizer.DecodeContinuation"/> of the ids.
/// </summary>
public sealed class StreamingDecoder(TextTokenizer tokenizer)
{
    private readonly Decoder _decoder = Encoding.UTF8.GetDecoder();

    /// <summary>The text that is complete with this token; often empty within a character.</summary>
    public string Append(int id) => Decode(tokenizer.BytesOf(id), flush: false);

    /// <summary>What is left when the last token has come: U+FFFD for bytes that never became a character.</summary>
    public string Flush() => Decode([], flush: true);

    private string Decode(ReadOnlySpan<byte> bytes, bool flush)
    {
        var chars = new char[_decoder.GetCharCount(bytes, flush)];
        return new string(chars, 0, _decoder.GetChars(bytes, chars, flush));
    }
}

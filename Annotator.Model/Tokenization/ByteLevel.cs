namespace Annotator.Model.Tokenization;

/// <summary>
/// GPT-2's spelling of bytes as printable characters: vocab.json and merges.txt are written in it. Bytes that
/// print stand for themselves, the others for the characters from U+0100 on, in order.
/// </summary>
public static class ByteLevel
{
    private static readonly char[] CharacterOf = new char[256];
    private static readonly Dictionary<char, byte> ByteOf = [];

    static ByteLevel()
    {
        var next = 256;
        for (var b = 0; b < 256; b++)
        {
            var prints = b is (>= '!' and <= '~') or (>= 0xA1 and <= 0xAC) or (>= 0xAE and <= 0xFF);
            CharacterOf[b] = prints ? (char)b : (char)next++;
            ByteOf[CharacterOf[b]] = (byte)b;
        }
    }

    /// <summary>The character that stands for a byte.</summary>
    public static char Character(byte value) => CharacterOf[value];

    /// <summary>The bytes that a token of the vocabulary stands for; null if it is not written in this spelling.</summary>
    public static byte[]? Bytes(string token)
    {
        var bytes = new byte[token.Length];
        for (var i = 0; i < token.Length; i++)
        {
            if (!ByteOf.TryGetValue(token[i], out bytes[i]))
            {
                return null;
            }
        }

        return bytes;
    }
}

using System.Security.Cryptography;
using System.Text;

namespace Annotator.Model.Sampling;

/// <summary>The key that every request must show as <c>Authorization: Bearer KEY</c>, as OpenAI's clients do.</summary>
internal sealed class BearerKey
{
    /// <summary>Shorter keys could be guessed.</summary>
    public const int MinLength = 16;

    private const string Scheme = "Bearer ";

    private readonly byte[] _hash;

    public BearerKey(string key) => _hash = Hash(key);

    /// <summary>What is wrong with a key, as the end of a sentence; null if nothing is.</summary>
    public static string? Fault(string key) =>
        key.Length < MinLength ? $"has {key.Length} characters; it needs at least {MinLength}"
        : key.Any(c => c is <= ' ' or > '~') ? "holds a space or a character beyond ASCII, which can't be sent in a header"
        : null;

    /// <summary>Whether the header shows this key. Takes as long for a key that is nearly right as for any other.</summary>
    public bool Opens(string? authorization) =>
        authorization?.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase) == true
        && CryptographicOperations.FixedTimeEquals(_hash, Hash(authorization[Scheme.Length..].Trim()));

    private static byte[] Hash(string key) => SHA256.HashData(Encoding.UTF8.GetBytes(key));
}

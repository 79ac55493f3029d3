using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Annotator.Web.Webhooks;

/// <summary>
/// How messages are signed: HMAC-SHA256 over <c>id.timestamp.body</c>, as the Standard Webhooks specification has it
/// (standardwebhooks.com), so that its libraries check them. Pure.
/// </summary>
public static class WebhookSignature
{
    public const string IdHeader = "webhook-id";
    public const string TimestampHeader = "webhook-timestamp";
    public const string SignatureHeader = "webhook-signature";
    private const string SecretPrefix = "whsec_";

    /// <summary>A fresh secret: <c>whsec_</c> and 256 random bits in base64.</summary>
    public static string NewSecret() => SecretPrefix + Convert.ToBase64String(RandomNumberGenerator.GetBytes(32));

    /// <summary>The value of <see cref="SignatureHeader"/>: <c>v1,</c> and the signature in base64.</summary>
    /// <param name="timestamp">Seconds since 1970, as <see cref="TimestampHeader"/> says; a receiver refuses old ones.</param>
    public static string Of(string secret, string id, long timestamp, string body)
    {
        ArgumentNullException.ThrowIfNull(secret);
        var key = Convert.FromBase64String(secret.StartsWith(SecretPrefix, StringComparison.Ordinal) ? secret[SecretPrefix.Length..] : secret);
        var signed = Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{id}.{timestamp}.{body}"));
        return $"v1,{Convert.ToBase64String(HMACSHA256.HashData(key, signed))}";
    }
}

using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Annotator.Web.Data;

namespace Annotator.Web.Annotating;

/// <summary>
/// The order in which a comparison's responses stand before an annotator: by a keyed hash of (comparison, annotator,
/// position), so it is the same after a reload, balanced over many, and cannot be guessed without the key.
/// </summary>
public sealed class SideOrder(ReadOnlyMemory<byte> key)
{
    private const int KeyLength = 32;

    /// <summary>Reads the key <c>sides.key</c> of the data folder, making it first if there is none.</summary>
    /// <exception cref="InvalidDataException">The file is there but does not hold 32 bytes.</exception>
    public static SideOrder FromKeyFile(DataFolder folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        var file = Path.Combine(folder.Keys, "sides.key");
        if (!File.Exists(file))
        {
            Directory.CreateDirectory(folder.Keys);
            // Written beside and moved: a crash in between never leaves half a key that would reshuffle every side.
            var draft = Path.Combine(folder.Keys, $"sides.{Guid.NewGuid():N}.tmp");
            File.WriteAllBytes(draft, RandomNumberGenerator.GetBytes(KeyLength));
            if (!OperatingSystem.IsWindows())
            {
                File.SetUnixFileMode(draft, UnixFileMode.UserRead | UnixFileMode.UserWrite);
            }

            File.Move(draft, file, overwrite: false);
        }

        var key = File.ReadAllBytes(file);
        return key.Length == KeyLength
            ? new SideOrder(key)
            : throw new InvalidDataException(
                $"{file} must hold {KeyLength} bytes; it holds {key.Length}. Restore it from a backup, or delete it to shuffle the sides anew.");
    }

    /// <summary>The positions 0 … <paramref name="count"/> − 1 from left to right.</summary>
    /// <param name="isRepeat">Asked once more, they are shuffled anew: agreeing with oneself must not mean choosing the same side.</param>
    public int[] Of(long comparisonId, string annotatorId, int count, bool isRepeat = false) =>
        [.. Enumerable.Range(0, count).OrderBy(position =>
            Hash(string.Create(CultureInfo.InvariantCulture, $"{comparisonId}:{annotatorId}:{position}{(isRepeat ? ":repeat" : "")}")))];

    /// <summary>
    /// A number in [0, 1) by the same key: what kind of comparison an annotator gets after <paramref name="lastJudgmentId"/>
    /// with <paramref name="held"/> on the desk.
    /// </summary>
    public double Chance(long studyId, string annotatorId, long lastJudgmentId, int held) =>
        (Hash(string.Create(CultureInfo.InvariantCulture, $"next:{studyId}:{annotatorId}:{lastJudgmentId}:{held}")) >> 11) * (1.0 / (1L << 53));

    private ulong Hash(string text) => BitConverter.ToUInt64(HMACSHA256.HashData(key.Span, Encoding.UTF8.GetBytes(text)));
}

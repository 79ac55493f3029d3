namespace Annotator.Web.Housekeeping;

/// <summary>What a study takes on disk, in bytes.</summary>
/// <param name="Policies">Its policies' directories; one that several studies have is counted with each.</param>
public sealed record StudyUse(long StudyId, string Study, bool IsArchived, int PolicyCount, long Policies, int RoundCount, long Rounds);

/// <summary>What the data folder takes, in bytes.</summary>
/// <param name="Database">The database with its log.</param>
/// <param name="Unused">Policies that nobody points to: <see cref="HousekeepingOperations.UnusedAsync"/>.</param>
/// <param name="Free">What is left on the disk.</param>
public sealed record DiskUse(string Folder, IReadOnlyList<StudyUse> Studies, long Database, long Policies, long Rounds, long Unused, long Free);

/// <summary>A policy's directory that no study, round or start points to.</summary>
/// <param name="Since">When it was written.</param>
public sealed record UnusedPolicy(string Hash, long Bytes, DateTime Since);

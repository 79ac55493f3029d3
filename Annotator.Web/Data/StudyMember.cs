using Microsoft.EntityFrameworkCore;

namespace Annotator.Web.Data;

/// <summary>Somebody who may judge in a study that is <see cref="Study.MembersOnly"/>.</summary>
public sealed class StudyMember
{
    public required long StudyId { get; set; }
    public required string PersonId { get; set; }
}

/// <summary>Which studies are whose.</summary>
public static class OpenStudies
{
    /// <summary>Those that an annotator may judge in: not archived, and for everybody or for chosen people who they are among.</summary>
    public static IQueryable<Study> OpenTo(this AnnotatorDbContext db, string annotatorId)
    {
        ArgumentNullException.ThrowIfNull(db);
        return db.Studies.Where(s => !s.IsArchived && (!s.MembersOnly || db.StudyMembers.Any(m => m.StudyId == s.Id && m.PersonId == annotatorId)));
    }

    /// <summary>Whether a study is among <see cref="OpenTo"/>; two look-ups by key.</summary>
    public static Task<bool> IsOpenToAsync(this AnnotatorDbContext db, long studyId, string annotatorId, CancellationToken cancellation) =>
        db.OpenTo(annotatorId).AnyAsync(s => s.Id == studyId, cancellation);
}

using System.Security.Claims;
using Annotator.Web.Data;

namespace Annotator.Web.Annotating;

/// <summary>
/// Proof that somebody signed in has the annotator's role: every operation of the desk asks for one, so none can be
/// called on behalf of a person who lacks it.
/// </summary>
public sealed record SignedInAnnotator
{
    private SignedInAnnotator(string personId, TimeSpan utcOffset) => (PersonId, UtcOffset) = (personId, utcOffset);

    public string PersonId { get; }

    /// <summary>How far the annotator's clock is ahead of UTC; decides when "today" began.</summary>
    public TimeSpan UtcOffset { get; }

    /// <exception cref="UnauthorizedAccessException">Nobody is signed in, or not as an annotator.</exception>
    public static SignedInAnnotator From(ClaimsPrincipal user, TimeSpan utcOffset = default)
    {
        ArgumentNullException.ThrowIfNull(user);
        var id = user.FindFirstValue(ClaimTypes.NameIdentifier);
        return id is not null && user.IsInRole(Roles.Annotator)
            ? new SignedInAnnotator(id, utcOffset)
            : throw new UnauthorizedAccessException("Only an annotator can sit at the desk: ask an admin for the role, then sign in again.");
    }

    /// <summary>The UTC time at which the annotator's present day began.</summary>
    public DateTime StartOfDay(DateTime utcNow) => DateTime.SpecifyKind((utcNow + UtcOffset).Date - UtcOffset, DateTimeKind.Utc);
}

using Annotator.Web.Data;

namespace Annotator.Web.Annotating;

/// <summary>Somebody's seat at the desk.</summary>
/// <param name="UtcOffset">How far the annotator's clock is ahead of UTC; decides when "today" began.</param>
public sealed record Seat(CurrentPerson Person, long StudyId, TimeSpan UtcOffset = default)
{
    /// <summary>The annotator goes on although the study's target for the day is reached.</summary>
    public bool BeyondTarget { get; init; }

    /// <summary>The annotator's id.</summary>
    /// <exception cref="NotAllowedException">The person is no annotator.</exception>
    public string RequireAnnotator()
    {
        Person.RequireAnnotator();
        return Person.Id;
    }

    /// <summary>The UTC time at which the annotator's present day began.</summary>
    public DateTime StartOfDay(DateTime utcNow) => DateTime.SpecifyKind((utcNow + UtcOffset).Date - UtcOffset, DateTimeKind.Utc);
}

using System.Globalization;
using Annotator.Web.Data;
using Microsoft.JSInterop;

namespace Annotator.Web.Annotating;

/// <summary>The studies that a person may annotate, and the one that they do.</summary>
/// <param name="Study">Null if there is none, or if there are several and none has been chosen.</param>
/// <param name="UtcOffset">As in <see cref="Seat.UtcOffset"/>.</param>
public sealed record StudiesAtHand(IReadOnlyList<StudyChoice> All, StudyChoice? Study, TimeSpan UtcOffset)
{
    public bool MustChoose => Study is null && All.Count > 0;
}

/// <summary>
/// Finds the study of a page: the one in its address, else the one that was last chosen in this browser, else the only one.
/// So where there is one study, nobody is ever asked.
/// </summary>
public sealed class ChosenStudy(Desk desk, IJSRuntime js)
{
    private const string Kept = "desk.study";

    /// <summary>The page where one chooses.</summary>
    public const string Page = "/studies";

    /// <param name="asked">The study in the address; kept as the choice if there is such a study.</param>
    public async Task<StudiesAtHand> FindAsync(CurrentPerson person, long? asked, CancellationToken cancel = default)
    {
        var offset = TimeSpan.FromMinutes(await js.InvokeAsync<int>("annotator.utcOffsetMinutes", cancel));
        var studies = await desk.StudiesAsync(person, offset, cancel);
        if (asked is { } id && studies.Any(study => study.Id == id))
        {
            await js.InvokeVoidAsync("annotator.keep", cancel, Kept, id.ToString(CultureInfo.InvariantCulture));
        }
        else
        {
            asked = long.TryParse(await js.InvokeAsync<string?>("annotator.kept", cancel, Kept), CultureInfo.InvariantCulture, out var kept) ? kept : null;
        }

        var chosen = studies.FirstOrDefault(study => study.Id == asked) ?? (studies.Count == 1 ? studies[0] : null);
        return new(studies, chosen, offset);
    }
}

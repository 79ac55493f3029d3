using System.Globalization;
using Annotator.Web.Data;
using Microsoft.JSInterop;

namespace Annotator.Web.Studies;

/// <summary>A study as it stands in a choice of studies.</summary>
public sealed record StudyName(long Id, string Name, bool IsArchived);

/// <summary>All studies, archived ones last, and the one that a page of the studio is about.</summary>
/// <param name="Chosen">Null only if there is no study at all.</param>
public sealed record StudyChoices(IReadOnlyList<StudyName> All, StudyName? Chosen)
{
    /// <summary>The first of the wishes that is a study; if none is, the first study that is not archived.</summary>
    public static StudyChoices Of(IReadOnlyList<StudyName> all, params IEnumerable<long?> wishes)
    {
        ArgumentNullException.ThrowIfNull(all);
        return new(all, wishes.Select(wish => all.FirstOrDefault(study => study.Id == wish)).FirstOrDefault(study => study is not null) ?? (all.Count > 0 ? all[0] : null));
    }
}

/// <summary>
/// Finds the study of a page of the studio: the one in its address (<c>?study=ID</c>), else the one that was last chosen in this
/// browser, else the first that is not archived. So it stays the same from page to page without every link having to say it.
/// </summary>
public sealed class CurrentStudy(StudyOperations studies, IJSRuntime js)
{
    private const string Kept = "studio.study";
    private long? last;

    /// <param name="by">Who looks.</param>
    /// <param name="asked">The study in the address; kept as the choice if there is such a study.</param>
    /// <exception cref="NotAllowedException">Neither an admin nor a viewer.</exception>
    public async Task<StudyChoices> FindAsync(CurrentPerson by, long? asked, CancellationToken cancellation = default)
    {
        var all = await studies.NamesAsync(by, cancellation);
        // This tab's own choice comes first: another tab may be about another study.
        if (last is null)
        {
            var kept = await js.InvokeAsync<string?>("annotator.kept", cancellation, Kept);
            last ??= long.TryParse(kept, CultureInfo.InvariantCulture, out var id) ? id : null;
        }

        var choices = StudyChoices.Of(all, asked, last);
        if (asked is { } chosen && choices.Chosen?.Id == chosen && chosen != last)
        {
            await ChooseAsync(chosen, cancellation);
        }

        return choices;
    }

    /// <summary>Makes a study the choice of this tab at once, and of this browser.</summary>
    public async Task ChooseAsync(long studyId, CancellationToken cancellation = default)
    {
        last = studyId;
        await js.InvokeVoidAsync("annotator.keep", cancellation, Kept, studyId.ToString(CultureInfo.InvariantCulture));
    }
}

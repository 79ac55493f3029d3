using System.Globalization;
using Annotator.Model.Preferences;
using Annotator.Model.Preferences.Datasets;
using Annotator.Web.Account;
using Annotator.Web.Data;
using Annotator.Web.Studies;
using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Components.Forms;

namespace Annotator.Web.Dataset.Importing;

/// <summary>Choose a file, see what it would bring, import it. The file lies in the data folder as long as the page is open.</summary>
public sealed partial class ImportPage
{
    private const int ShownCharacters = 240;
    private static readonly IReadOnlyList<string> Formats = [.. DatasetFormats.All.Select(format => format.Name).Append(ImportRequest.LogFormat).Order(StringComparer.Ordinal)];

    private readonly CancellationTokenSource gone = new();
    private CurrentPerson? me;
    private StudyName? study;
    private Upload? upload;
    private RecordKind kind;
    private string format = "trl";
    private bool busy;
    private bool skipKnown = true, skipTooLong = true, samplePrompts;
    private string? doing, fault, done;
    private ImportReport? judgmentReport;
    private IReadOnlySet<int>? tooLong;

    /// <summary>As <see cref="CurrentStudy"/> takes it.</summary>
    [SupplyParameterFromQuery(Name = "study")]
    private long? StudyId { get; set; }

    private int Taken => judgmentReport?.Judgments ?? 0;

    private ImportRequest JudgmentRequest => new() { StudyId = study!.Id, Format = format, Kind = kind, SkipKnown = skipKnown, SkipTooLong = skipTooLong, SamplePrompts = samplePrompts };

    protected override async Task OnParametersSetAsync()
    {
        me = await Authentication.GetCurrentPersonAsync();
        study = (await Current.FindAsync(me, StudyId)).Chosen;
    }

    public void Dispose()
    {
        gone.Cancel();
        gone.Dispose();
        upload?.Dispose();
    }

    private Task TakeAsync(InputFileChangeEventArgs chosen) => DoAsync(Words["Receiving the file…"], async cancel =>
    {
        if (chosen.File.Size > Uploads.Largest)
        {
            throw new RefusedException(Words["A file may have {0:N0} MB at most: divide it, or pack it with gzip.", Uploads.LargestMegabytes]);
        }

        await using var content = chosen.File.OpenReadStream(Uploads.Largest, cancel);
        var taken = await Uploads.TakeAsync(me!, chosen.File.Name, content, cancellation: cancel);
        upload?.Dispose();
        (upload, kind) = (taken, Records.KindOf(taken.Name));
        format = await DatasetImport.RecogniseAsync(me!, upload, kind, cancel) ?? format;
        await LookAtAsync(cancel);
    });

    private Task AgainAsync(Action change)
    {
        change();
        return LookAsync();
    }

    private Task LookAsync() => DoAsync(Words["Reading the file…"], LookAtAsync);

    private async Task LookAtAsync(CancellationToken cancel)
    {
        doing = Words["Reading the file…"];
        StateHasChanged();
        // Off the page's own line, which is to stay free for the person.
        var request = JudgmentRequest;
        tooLong = await Task.Run(() => Lengths.TooLongAsync(request.StudyId, Judgments.EntriesAsync(upload!, request, cancel), cancel), cancel);
        judgmentReport = await Task.Run(() => Judgments.LookAsync(me!, upload!, request, tooLong, cancel), cancel);
        fault = judgmentReport.Fault;
    }

    private Task ImportAsync() => DoAsync(Words["Importing…"], async cancel =>
    {
        var (file, request) = (upload!, JudgmentRequest);
        var imported = await Task.Run(() => Judgments.ImportAsync(me!, file, request, tooLong, Tell, cancel), cancel);
        file.Dispose();
        (upload, done) = (null, imported.Judgments == 1 ? Words["Imported one judgment."] : Words["Imported {0:N0} judgments.", imported.Judgments]);
    });

    private void Tell(int stored) => _ = InvokeAsync(() =>
    {
        doing = Words["Importing: {0:N0} of {1:N0}…", stored, Taken];
        StateHasChanged();
    });

    /// <summary>One thing at a time; what goes wrong is a sentence on the page.</summary>
    private async Task DoAsync(string what, Func<CancellationToken, Task> work)
    {
        // An import keeps its report in sight.
        (busy, doing, fault, done, judgmentReport) = (true, what, null, null, what == Words["Importing…"] ? judgmentReport : null);

        StateHasChanged();
        try
        {
            await work(gone.Token);
            if (done is not null)
            {
                judgmentReport = null;
            }
        }
        catch (Exception e) when (e is RefusedException or DatasetFileException)
        {
            fault = e.Message;
        }
        catch (OperationCanceledException) when (gone.IsCancellationRequested)
        {
            // The page is closed: there is nobody to tell.
        }
        finally
        {
            (busy, doing) = (false, null);
        }
    }

    private IReadOnlyList<(string Words, LineGroup Group)> Left(ImportReport report) =>
    [
        .. Group(Words["The study has them already"], report.Known),
        .. Group(Words["Too long for the policy's context"], report.TooLong),
    ];

    private static IEnumerable<(string, LineGroup)> Group(string words, LineGroup? group) => group is { Count: > 0 } ? [(words, group)] : [];

    private List<string> Notes(ImportReport report)
    {
        var notes = new List<string>
        {
            Words["Preferences among them that a round can train on: {0:N0}.", report.Preferences],
            Words["Prompts that are new to the study: {0:N0}. Annotators who judged: {1:N0}.", report.NewPrompts, report.Annotators],
        };
        if (report.Repeated.Count > 0)
        {
            notes.Add(Words["In the file more than once, and taken as opinions of several people: {0:N0}, first in line {1}.", report.Repeated.Count, report.Repeated.FirstLines[0]]);
        }

        if (report.HeldOut > 0)
        {
            notes.Add(Words["On prompts that are held out here, and never trained on: {0:N0}.", report.HeldOut]);
        }

        if (report.TooLong is null)
        {
            notes.Add(Words["The lengths in tokens could not be looked at: the policy's tokenizer was not to be had."]);
        }

        if (format == ImportRequest.LogFormat && !report.KeepsIds)
        {
            notes.Add(Words["Some of its ids are taken in this study: all get new ones."]);
        }

        return notes;
    }

    private static string Best(JudgmentLogLine line) => line.Ranking is { } tiers ? line.Responses[tiers[0][0]].Text : "";

    private static string Worst(JudgmentLogLine line) => line.Ranking is { Length: > 1 } tiers ? line.Responses[tiers[^1][0]].Text : "";

    private static string Short(string full) => full.Trim() is var text && text.Length <= ShownCharacters ? text : string.Create(CultureInfo.InvariantCulture, $"{text.AsSpan(0, char.IsHighSurrogate(text[ShownCharacters - 1]) ? ShownCharacters - 1 : ShownCharacters)}…");
}

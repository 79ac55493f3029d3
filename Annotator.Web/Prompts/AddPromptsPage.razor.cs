using System.Globalization;
using System.Text;
using Annotator.Model.Preferences.Datasets;
using Annotator.Web.Account;
using Annotator.Web.Data;
using Annotator.Web.Dataset.Importing;
using Annotator.Web.Studies;
using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Components.Forms;

namespace Annotator.Web.Prompts;

/// <summary>Choose a file or paste, see what it would bring, add it. What was sent lies in the data folder as long as the page is open.</summary>
public sealed partial class AddPromptsPage
{
    private const int LongestPaste = 200_000;
    private const int ShownCharacters = 240;

    private readonly CancellationTokenSource gone = new();
    private CurrentPerson? me;
    private StudyChoices? choices;
    private Upload? upload;
    private RecordKind kind;
    private string pasted = "";
    private bool pastes, busy, skipTooLong = true;
    private int heldOutPercent, seed, priority;
    private string? doing, fault, done;
    private PromptImportReport? report;

    /// <summary>As <see cref="CurrentStudy"/> takes it.</summary>
    [SupplyParameterFromQuery(Name = "study")]
    private long? StudyId { get; set; }

    private StudyName? study => choices?.Chosen;

    private PromptImportRequest Request => new()
    {
        StudyId = study!.Id, Kind = kind, HeldOutShare = heldOutPercent / 100.0, Seed = seed, Priority = priority, SkipTooLong = skipTooLong,
    };

    protected override async Task OnParametersSetAsync()
    {
        me = await Authentication.GetCurrentPersonAsync();
        choices = await Current.FindAsync(me, StudyId);
    }

    public void Dispose()
    {
        gone.Cancel();
        gone.Dispose();
        upload?.Dispose();
    }

    private void From(bool paste)
    {
        if (pastes != paste)
        {
            (pastes, report, fault, done) = (paste, null, null, null);
            Replace(null);
        }
    }

    private Task TakeFileAsync(InputFileChangeEventArgs chosen) => DoAsync(Words["Receiving the file…"], async cancel =>
    {
        if (chosen.File.Size > Uploads.Largest)
        {
            throw new RefusedException(Words["A file may have {0:N0} MB at most: divide it, or pack it with gzip.", Uploads.LargestMegabytes]);
        }

        await using var content = chosen.File.OpenReadStream(Uploads.Largest, cancel);
        Replace(await Uploads.TakeAsync(me!, chosen.File.Name, content, cancellation: cancel));
        kind = Records.KindOf(upload!.Name);
        await LookAtAsync(cancel);
    });

    private Task TakePasteAsync() => DoAsync(Words["Reading the prompts…"], async cancel =>
    {
        await using var content = new MemoryStream(Encoding.UTF8.GetBytes(pasted));
        Replace(await Uploads.TakeAsync(me!, Words["pasted"], content, cancellation: cancel));
        kind = KindOfPaste(pasted);
        await LookAtAsync(cancel);
    });

    /// <summary>JSON gives itself away, and so does a heading of which one name is a field that prompts have.</summary>
    internal static RecordKind KindOfPaste(string pasted)
    {
        var first = pasted.AsSpan().TrimStart();
        first = first.IndexOfAny('\r', '\n') is var end and >= 0 ? first[..end] : first;
        return first.StartsWith("{") ? RecordKind.JsonLines
            : first.ToString().Split(',', '\t').Select(name => name.Trim().Trim('"')).Any(name => name is "text" or "prompt" or "messages") ? RecordKind.Csv
            : RecordKind.PlainLines;
    }

    private Task AgainAsync(Action change)
    {
        change();
        return DoAsync(Words["Reading the prompts…"], LookAtAsync);
    }

    private async Task LookAtAsync(CancellationToken cancel)
    {
        doing = Words["Reading the prompts…"];
        StateHasChanged();
        var (file, request) = (upload!, Request);
        // Off the page's own line, which is to stay free for the person.
        report = await Task.Run(() => Import.LookAsync(me!, file, request, cancel), cancel);
    }

    private Task ImportAsync() => DoAsync(Words["Importing…"], async cancel =>
    {
        var (file, request) = (upload!, Request);
        var added = await Task.Run(() => Import.ImportAsync(me!, file, request, cancel), cancel);
        Replace(null);
        (pasted, done) = ("", added.Prompts == 1 ? Words["Added one prompt."] : Words["Added {0:N0} prompts.", added.Prompts]);
    });

    private void Replace(Upload? other)
    {
        upload?.Dispose();
        upload = other;
    }

    /// <summary>One thing at a time; what goes wrong is a sentence on the page.</summary>
    private async Task DoAsync(string what, Func<CancellationToken, Task> work)
    {
        (busy, doing, fault, done, report) = (true, what, null, null, null);
        StateHasChanged();
        try
        {
            await work(gone.Token);
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

    private IReadOnlyList<(string Words, LineGroup Group)> Left(PromptImportReport prompts) =>
    [
        .. Group(Words["The study has them already"], prompts.Known),
        .. Group(Words["They stand in the file already"], prompts.Repeated),
        .. Group(Words["Too long for the policy's context"], prompts.TooLong),
    ];

    private static IEnumerable<(string, LineGroup)> Group(string words, LineGroup? group) => group is { Count: > 0 } ? [(words, group)] : [];

    private List<string> Notes(PromptImportReport prompts) =>
    [
        Words["Held out of them: {0:N0}.", prompts.HeldOut],
        .. prompts.TooLong is null ? [Words["The lengths in tokens could not be looked at: the policy's tokenizer was not to be had."].Value] : Array.Empty<string>(),
    ];

    private string KindName(RecordKind one) => one switch
    {
        RecordKind.PlainLines => Words["one prompt a line"],
        RecordKind.Csv => "CSV",
        RecordKind.Parquet => "Parquet",
        _ => "JSONL",
    };

    private static string Pressed(bool on) => on ? "true" : "false";

    private static string Short(string text) => text.Length <= ShownCharacters ? text : string.Create(CultureInfo.InvariantCulture, $"{text.AsSpan(0, char.IsHighSurrogate(text[ShownCharacters - 1]) ? ShownCharacters - 1 : ShownCharacters)}…");
}

using Annotator.Web.Data;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.SignalR;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Web.Live;

/// <summary>What a client of the hub hears, named as in design.md. Each message is the event of the in-process feed.</summary>
public interface ILiveClient
{
    Task JudgmentCounted(JudgmentCounted what);

    /// <summary>An annotator gets steps without metrics: how well a round goes is for admins and viewers to see.</summary>
    Task RoundProgress(RoundProgress what);

    Task RoundChanged(RoundChanged what);

    Task PolicyPublished(PolicyPublished what);

    Task FreshResponsesReady(FreshResponsesReady what);
}

/// <summary>The feed for browsers and outside clients. A client that has connected asks to watch studies.</summary>
[Authorize(Roles = $"{Roles.Admin},{Roles.Viewer},{Roles.Annotator}")]
public sealed class LiveHub(IDbContextFactory<AnnotatorDbContext> contexts, LiveConnections connections) : Hub<ILiveClient>
{
    public const string Path = "/hubs/live";

    public override Task OnConnectedAsync()
    {
        connections.Add(Context);
        return base.OnConnectedAsync();
    }

    public override Task OnDisconnectedAsync(Exception? exception)
    {
        connections.Remove(Context);
        return base.OnDisconnectedAsync(exception);
    }

    /// <summary>From now on this connection hears what happens in the study.</summary>
    /// <exception cref="HubException">There is no such study, or none that is open to the person.</exception>
    public async Task Watch(long studyId)
    {
        await using var db = await contexts.CreateDbContextAsync(Context.ConnectionAborted);
        var person = CurrentPerson.From(Context.User!);
        var seesAll = person.IsAdmin || person.IsViewer;
        var studies = seesAll ? db.Studies : db.OpenTo(person.Id);
        if (!await studies.AnyAsync(s => s.Id == studyId, Context.ConnectionAborted))
        {
            throw new HubException($"There is no study {studyId}.");
        }

        await Groups.AddToGroupAsync(Context.ConnectionId, Group(studyId, seesAll), Context.ConnectionAborted);
    }

    /// <summary>The end of <see cref="Watch"/>.</summary>
    public async Task Unwatch(long studyId)
    {
        await Groups.RemoveFromGroupAsync(Context.ConnectionId, Group(studyId, admins: true), Context.ConnectionAborted);
        await Groups.RemoveFromGroupAsync(Context.ConnectionId, Group(studyId, admins: false), Context.ConnectionAborted);
    }

    /// <summary>Admins (and viewers) and annotators of a study are apart, so that each is told what they may know.</summary>
    internal static string Group(long studyId, bool admins) => $"study {studyId} {(admins ? "admins" : "annotators")}";
}

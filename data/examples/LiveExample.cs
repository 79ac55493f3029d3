using Microsoft.AspNetCore.SignalR.Client;

namespace Annotator.Examples;

/// <summary>Hears what happens in a study: <c>dotnet add package Microsoft.AspNetCore.SignalR.Client</c>.</summary>
public static class LiveExample
{
    /// <param name="server"><c>http://127.0.0.1:5080</c></param>
    /// <param name="key">An API key with the scope <c>read</c>.</param>
    public static async Task<HubConnection> WatchStudyAsync(
        Uri server, string key, long study, Action<RoundProgress> hear, CancellationToken cancellation)
    {
        var connection = new HubConnectionBuilder()
            .WithUrl(
                new Uri(server, "/hubs/live"),
                options => options.AccessTokenProvider = () => Task.FromResult<string?>(key))
            .WithAutomaticReconnect()
            .Build();

        connection.On("RoundProgress", hear);

        // After a lost connection: what came meanwhile was not heard, so ask the API for how things stand.
        connection.Reconnected += _ => connection.InvokeAsync("Watch", study, CancellationToken.None);

        await connection.StartAsync(cancellation);
        await connection.InvokeAsync("Watch", study, cancellation);
        return connection;
    }
}

/// <summary>One message of the hub; the others are alike.</summary>
public sealed record RoundProgress(
    long StudyId, long RoundId, int Step, int Steps, IReadOnlyDictionary<string, double> Metrics);

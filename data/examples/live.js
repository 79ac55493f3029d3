// Hears what happens in a study, in a browser. Before it: <script src="http://127.0.0.1:5080/signalr/signalr.min.js"></script>
// (or `npm install @microsoft/signalr`, and `import * as signalR from '@microsoft/signalr'`).
async function watchStudy(server, key, study, hear) {
  const connection = new signalR.HubConnectionBuilder()
    .withUrl(`${server}/hubs/live`, { accessTokenFactory: () => key })   // an API key with the scope `read`
    .withAutomaticReconnect()
    .build();

  for (const message of ['JudgmentCounted', 'RoundProgress', 'RoundChanged', 'PolicyPublished', 'FreshResponsesReady'])
    connection.on(message, what => hear(message, what));

  // After a lost connection: what came meanwhile was not heard, so ask the API for how things stand.
  connection.onreconnected(() => connection.invoke('Watch', study));

  await connection.start();
  await connection.invoke('Watch', study);
  return connection;                                                      // await connection.stop() ends it
}

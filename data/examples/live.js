// Hears what happens in a study. In a page of the app's own address, load /signalr/signalr.min.js before it;
// in Node.js, `npm install @microsoft/signalr` and `import * as signalR from '@microsoft/signalr'`.
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

// What a bot may ask of JetStream with nats.js: node consumers.mjs 2|3 NATS_URL BOT_SEED
// Prints for each way to read several subjects how many messages it gave, or that it was refused.

import { readFileSync } from "node:fs";

const [version, servers, seedFile] = process.argv.slice(2);
const options = (library) => ({
  servers,
  inboxPrefix: "_INBOX_bot",
  authenticator: library.nkeyAuthenticator(Buffer.from(readFileSync(seedFile, "utf8").trim())),
});

let client, js, filter;
if (version === "2") {
  const { default: library } = await import("nats2");
  client = await library.connect(options(library));
  js = client.jetstream();
  filter = "filterSubjects";
} else {
  const library = await import("@nats-io/transport-node");
  const { jetstream } = await import("@nats-io/jetstream");
  client = await library.connect(options(library));
  js = jetstream(client);
  filter = "filter_subjects";
}

const WANTED = ["approvals.requested.>", "approvals.decided.>"];

async function read(consumer) {
  let count = 0;
  for await (const message of await consumer.fetch({ max_messages: 100, expires: 1_000 })) {
    if (!message.subject.startsWith("approvals.")) throw new Error("another subject");
    count += 1;
  }
  return count;
}

const ways = {
  "no filter": async () => read(await js.consumers.get("APPROVALS")),
  "one subject": async () => read(await js.consumers.get("APPROVALS", { [filter]: "approvals.requested.>" })),
  "several subjects": async () => read(await js.consumers.get("APPROVALS", { [filter]: WANTED })),
  "a named consumer of its own": async () => {
    const name = `stranger${version}`;
    const config = { name, ack_policy: "explicit", filter_subjects: WANTED, inactive_threshold: 60e9 };
    const body = JSON.stringify({ stream_name: "APPROVALS", config });
    const made = JSON.parse(Buffer.from((await client.request(`$JS.API.CONSUMER.CREATE.APPROVALS.${name}`, body)).data));
    if (made.error) throw new Error(made.error.description);
    return read(await js.consumers.get("APPROVALS", name));
  },
  "core subscriptions": async () => {
    for (const subject of WANTED) client.subscribe(subject);
    await client.flush();
    return 0;
  },
};

const found = {};
for (const [name, way] of Object.entries(ways)) {
  const late = new Promise((resolve) => { setTimeout(resolve, 10_000, "refused"); });
  found[name] = await Promise.race([way().catch(() => "refused"), late]);
}
console.log(JSON.stringify(found));
process.exit(0);

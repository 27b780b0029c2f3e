// The same bot in JavaScript: node bot.js KEY list | KEY approve REQUEST [COMMENT] | KEY reject REQUEST REASON

import { createHash, createPrivateKey, createPublicKey, randomUUID, sign } from "node:crypto";
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { jetstream } from "@nats-io/jetstream";
import { connect, nkeyAuthenticator } from "@nats-io/transport-node";

const [keyFile, verb, requestId, comment = ""] = process.argv.slice(2);
if (!["list", "approve", "reject", "withdraw"].includes(verb)) {
  console.error("node bot.js KEY list | KEY approve REQUEST [COMMENT] | KEY reject REQUEST REASON");
  process.exit(2);
}
process.on("uncaughtException", (error) => {
  console.error(`It does not work: ${error.message}`);
  process.exit(1);
});
const seedFile = process.env.NATS_NKEY_SEED_FILE; // the bot's NATS user, which may publish decisions only
const client = await connect({
  servers: process.env.NATS_URL ?? "nats://127.0.0.1:4222",
  inboxPrefix: "_INBOX_bot",
  authenticator: seedFile && nkeyAuthenticator(Buffer.from(readFileSync(seedFile, "utf8").trim())),
});
const js = jetstream(client);

// The whole stream of approvals: what is neither decided nor expired waits.
async function openRequests() {
  const waiting = new Map();
  const consumer = await js.consumers.get("APPROVALS", { filter_subjects: "approvals.>" });
  if ((await consumer.info()).num_pending === 0) return waiting;
  const messages = await consumer.consume();
  for await (const message of messages) {
    const body = message.json();
    const token = message.subject.split(".").at(-1);
    if (body.type === "approvals.requested") waiting.set(body.request_id, { token, ...body });
    if (["approvals.decided", "approvals.expired"].includes(body.type)) waiting.delete(body.request_id);
    if (message.info.pending === 0) break;
  }
  await messages.close();
  return waiting;
}

// All fields in canonical form (RFC 8785): for fields of text, sorted by name and without spaces.
function signed(decision) {
  const key = createPrivateKey(readFileSync(keyFile));
  const { x } = createPublicKey(key).export({ format: "jwk" });
  const fingerprint = createHash("sha256").update(Buffer.from(x, "base64url")).digest("hex").slice(0, 16);
  const fields = { ...decision, key_id: fingerprint };
  const canonical = JSON.stringify(Object.fromEntries(Object.entries(fields).sort(([a], [b]) => (a < b ? -1 : 1))));
  return JSON.stringify({ ...fields, signature: sign(null, Buffer.from(canonical), key).toString("base64") });
}

async function decide(request) {
  const approver = basename(keyFile, ".pem");
  const nonce = randomUUID();
  const receipts = client.subscribe("receipts.>");
  await client.flush();
  const { digest, first_run_id } = request;
  const decision = { request_id: requestId, decision: verb, approver, comment, digest, first_run_id, nonce };
  await js.publish(`decisions.${request.token}`, signed(decision));
  for await (const message of receipts) {
    const receipt = message.json();
    if (receipt.decision_id === `${requestId}.${approver}.${nonce}`) return receipt;
  }
}

const waiting = await openRequests();
let failed = false;
if (verb === "list") {
  for (const [name, request] of waiting) console.log(`${name}\t${request.title}`);
} else if (waiting.has(requestId)) {
  const tooLong = setTimeout(() => { console.error("No receipt within 30 s."); process.exit(1); }, 30_000);
  const receipt = await decide(waiting.get(requestId));
  clearTimeout(tooLong);
  console.log([receipt.accepted ? "accepted" : "refused", receipt.code, receipt.reason].join("\t"));
  failed = !receipt.accepted;
} else {
  console.error(`No request ${requestId} is open.`);
  failed = true;
}
await client.close();
process.exit(failed ? 1 : 0);

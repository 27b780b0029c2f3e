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
  console.error(`The bot failed: ${error.message}`);
  process.exit(1);
});
const seedFile = process.env.NATS_NKEY_SEED_FILE; // the bot's NATS user, which may publish decisions only
const client = await connect({
  servers: process.env.NATS_URL ?? "nats://127.0.0.1:4222",
  inboxPrefix: "_INBOX_bot",
  authenticator: seedFile && nkeyAuthenticator(Buffer.from(readFileSync(seedFile, "utf8").trim())),
});
const js = jetstream(client);

// Reads the whole stream of approvals. A request is open if it is neither decided nor expired.
async function openRequests() {
  const waiting = new Map();
  const consumer = await js.consumers.get("APPROVALS", { filter_subjects: "approvals.>" });
  if ((await consumer.info()).num_pending === 0) return waiting;
  const messages = await consumer.consume();
  for await (const message of messages) {
    const fields = message.json();
    const token = message.subject.split(".").at(-1);
    if (fields.type === "approvals.requested") waiting.set(fields.request_id, { token, ...fields });
    if (["approvals.decided", "approvals.expired"].includes(fields.type)) waiting.delete(fields.request_id);
    if (message.info.pending === 0) break;
  }
  await messages.close();
  return waiting;
}

// RFC 8785: names in order of UTF-16, no spaces, numbers as JavaScript writes them.
function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical)}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  return `{${Object.keys(value).sort().map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`)}}`;
}

// Computes the digest of what a request shows (docs/approvals.md): the SHA-256 of exactly these fields.
const covered = "title details action policy severity requester on_behalf_of workflow workflow_id run_id request_id";
function digestOf(request) {
  const shown = Object.fromEntries(covered.split(" ").map((name) => [name, request[name] ?? null]));
  return createHash("sha256").update(canonical(shown)).digest("hex");
}

// Signs all fields in canonical form.
function signed(decision) {
  const key = createPrivateKey(readFileSync(keyFile));
  const { x } = createPublicKey(key).export({ format: "jwk" });
  const fingerprint = createHash("sha256").update(Buffer.from(x, "base64url")).digest("hex").slice(0, 16);
  const fields = { ...decision, key_id: fingerprint };
  return JSON.stringify({ ...fields, signature: sign(null, Buffer.from(canonical(fields)), key).toString("base64") });
}

// Escapes what a terminal acts on, so that a title is text in one line and nothing else.
function shown(text) {
  return text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, (char) => `\\u${char.codePointAt(0).toString(16).padStart(4, "0")}`);
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
  for (const [name, { digest, title, action }] of waiting)
    console.log([shown(name), digest.slice(0, 12), shown(title), shown(JSON.stringify(action))].join("\t"));
} else if (waiting.has(requestId) && (waiting.get(requestId).digest_version !== 2 || digestOf(waiting.get(requestId)) !== waiting.get(requestId).digest)) {
  console.error(`The request ${requestId} shows something else than its digest is about: nothing is signed.`);
  failed = true;
} else if (waiting.has(requestId)) {
  const tooLong = setTimeout(() => { console.error("No receipt within 30 s."); process.exit(1); }, 30_000);
  const receipt = await decide(waiting.get(requestId));
  clearTimeout(tooLong);
  console.log([receipt.accepted ? "accepted" : "refused", receipt.code, shown(receipt.reason)].join("\t"));
  failed = !receipt.accepted;
} else {
  console.error(`No request ${requestId} is open.`);
  failed = true;
}
await client.close();
process.exit(failed ? 1 : 0);

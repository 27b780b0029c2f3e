// A stranger's program: it publishes an event, watches for the approval request of its run, checks and signs the digest,
// and prints the receipt and the end of the run. Its types are generated from the published schemas.
//
// node client.js NATS_URL PUBLISHER_SEED BOT_SEED APPROVER_KEY EVENT_ID

import { createHash, createPrivateKey, createPublicKey, randomUUID, sign } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { jetstream } from "@nats-io/jetstream";
import { connect, headers, nkeyAuthenticator } from "@nats-io/transport-node";
import type { Msg, NatsConnection } from "@nats-io/transport-node";
import type { ApprovalRequested, Decision, Progress, Receipt } from "./contract.js";

type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

// The canonical form of RFC 8785: JSON.stringify writes numbers and texts so, and sort() compares UTF-16 units.
function canonical(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const fields = Object.keys(value).sort().map((name) => `${JSON.stringify(name)}:${canonical(value[name] ?? null)}`);
  return `{${fields.join(",")}}`;
}

const COVERED = [
  "title", "details", "action", "policy", "severity", "requester", "on_behalf_of",
  "workflow", "workflow_id", "run_id", "request_id",
];

function digestOf(shown: { [name: string]: Json }): string {
  const names = shown["digest_version"] === 2 ? COVERED : ["title", "details", ...(shown["action"] === null ? [] : ["action"])];
  const covered = Object.fromEntries(names.map((name) => [name, shown[name] ?? null]));
  return createHash("sha256").update(canonical(covered)).digest("hex");
}

function open(server: string, role: string, seedFile: string): Promise<NatsConnection> {
  const seed = Buffer.from(readFileSync(seedFile, "utf8").trim());
  return connect({ servers: server, inboxPrefix: role === "publisher" ? "_INBOX" : `_INBOX_${role}`, authenticator: nkeyAuthenticator(seed) });
}

function keyId(key: KeyObject): string {
  const { x } = createPublicKey(key).export({ format: "jwk" });
  return createHash("sha256").update(Buffer.from(x ?? "", "base64url")).digest("hex").slice(0, 16);
}

// Signs the digest that it computes from what the request shows, and returns the id of the decision.
async function decide(bot: NatsConnection, message: Msg, approver: string, key: KeyObject): Promise<string> {
  const request = message.json<ApprovalRequested>();
  if (digestOf(message.json()) !== request.digest) throw new Error(`The digest of ${request.request_id} is wrong.`);
  const decision: Decision = {
    request_id: request.request_id,
    decision: "approve",
    approver,
    digest: request.digest,
    first_run_id: request.first_run_id ?? null,
    nonce: randomUUID(),
    key_id: keyId(key),
    signature: "",
  };
  const { signature: _, ...signed } = decision;
  decision.signature = sign(null, Buffer.from(canonical(signed as { [name: string]: Json })), key).toString("base64");
  bot.publish(`decisions.${message.subject.split(".").at(-1)}`, JSON.stringify(decision));
  return `${request.request_id}.${approver}.${decision.nonce}`;
}

async function main(server: string, publisherSeed: string, botSeed: string, keyFile: string, id: string): Promise<void> {
  const key = createPrivateKey(readFileSync(keyFile));
  const bot = await open(server, "bot", botSeed);
  const waiting: Msg[] = [];
  let wake = (): void => undefined;
  for (const subject of ["approvals.requested.>", "receipts.>", "progress.>"]) {
    bot.subscribe(subject, { callback: (error, message) => { if (error) throw error; waiting.push(message); wake(); } });
  }
  await bot.flush();

  const publisher = await open(server, "publisher", publisherSeed);
  const attributes = headers();
  for (const [name, value] of [["specversion", "1.0"], ["id", id], ["type", "people.arrived"], ["source", "https://ts.example"]]) {
    attributes.set(`ce-${name}`, value ?? "");
  }
  const stream = jetstream(publisher);
  await stream.publish("events.people.arrived", JSON.stringify({ name: "Ada" }), { msgID: id, headers: attributes });
  await publisher.close();

  let decisionId = "";
  for (;;) {
    const message = waiting.shift();
    if (message === undefined) {
      await new Promise<void>((resolve) => { wake = resolve; });
      continue;
    }
    switch (message.subject.split(".")[0]) {
      case "approvals":
        decisionId = await decide(bot, message, basename(keyFile, ".pem"), key);
        break;
      case "receipts": {
        const receipt = message.json<Receipt>();
        if (receipt.decision_id === decisionId && receipt.code !== "waiting") console.log(receipt.code);
        break;
      }
      case "progress": {
        const fact = message.json<Progress>();
        if (fact.kind === "completed") {
          console.log(fact.result);
          await bot.close();
          return;
        }
      }
    }
  }
}

const [server = "", publisherSeed = "", botSeed = "", keyFile = "", id = ""] = process.argv.slice(2);
await main(server, publisherSeed, botSeed, keyFile, id);

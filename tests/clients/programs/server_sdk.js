// Uses `@vonage/server-sdk` 3 from npm and its packages. See tests/clients/kit.py for how it is run.
"use strict";

const { readFileSync } = require("fs");
const { Auth } = require("@vonage/auth");
const { Applications } = require("@vonage/applications");
const { tokenGenerate, verifySignature } = require("@vonage/jwt");
const messages = require("@vonage/messages");
const { Vonage } = require("@vonage/server-sdk");

function credentials(given) {
  return {
    apiKey: given.key,
    apiSecret: given.secret,
    applicationId: given.application_id,
    privateKey: given.private_key,
  };
}

function client(given) {
  if (!given.url) return new Vonage(credentials(given)); // a program as it was
  return new Vonage(credentials(given), { apiHost: given.url, restHost: given.url });
}

async function failed(call) {
  try {
    await call();
  } catch (error) {
    const response = error.response;
    if (!response) throw error;
    return { error: error.constructor.name, status: response.status, body: await response.json() };
  }
  throw new Error("it was not refused");
}

async function applications(given) {
  // The package by itself, and as a part of the SDK.
  const api = new Applications(new Auth(credentials(given)), { apiHost: given.url });
  const webhook = (kind) => ({ address: `${given.webhooks}/${kind}`, httpMethod: "POST" });
  const webhooks = { inboundUrl: webhook("inbound"), statusUrl: webhook("status") };
  const made = await api.createApplication({
    name: "Before",
    capabilities: { messages: { webhooks, version: "v1" } },
    privacy: { improveAi: false },
  });
  const read = await client(given).applications.getApplication(made.id);
  const changed = await api.updateApplication({ ...read, name: "After" });
  const listed = [];
  for await (const application of api.listAllApplications({ page_size: 2 })) listed.push(application.id);
  const page = await api.listApplications();
  await api.deleteApplication(made.id);
  return {
    made,
    read,
    changed,
    listed,
    page: { totalItems: page.totalItems, pageSize: page.pageSize, totalPages: page.totalPages },
    gone: await failed(() => api.getApplication(made.id)),
    nameless: await failed(() => api.createApplication({})),
  };
}

async function numbers(given) {
  const { applications, numbers } = client(given);
  const { id } = await applications.createApplication({ name: "Numbers" });
  const number = { country: "GB", msisdn: given.number };
  return {
    application: id,
    linked: await numbers.updateNumber({ ...number, applicationId: id }),
    found: await numbers.getOwnedNumbers({ applicationId: id }),
    unlinked: await numbers.updateNumber({ ...number }),
    refused: await failed(() => numbers.updateNumber({ ...number, applicationId: "x" })),
  };
}

async function account(given) {
  const { accounts } = client(given);
  const urls = { moCallBackUrl: "https://client.example/in", drCallBackUrl: "https://client.example/st" };
  const changed = await accounts.updateAccountCallbacks(urls);
  await accounts.updateAccountCallbacks({ moCallBackUrl: "", drCallBackUrl: "" });
  return { balance: await accounts.getBalance(), changed };
}

async function wrongSecret(given) {
  const wrong = client({ ...given, secret: "wrong" });
  return {
    applications: await failed(() => wrong.applications.listApplications()),
    numbers: await failed(() => wrong.numbers.getOwnedNumbers()),
  };
}

// A message of each kind, by given.messages: {name: [class or null, parameters]}.
function message([kind, parameters]) {
  return kind ? new messages[kind](parameters) : parameters;
}

async function send(given) {
  const api = client(given).messages;
  const sent = {};
  for (const [name, each] of Object.entries(given.messages)) sent[name] = await api.send(message(each));
  return sent;
}

async function sendRefused(given) {
  const api = client(given).messages;
  const refused = {};
  for (const [name, each] of Object.entries(given.messages))
    refused[name] = await failed(() => api.send(message(each)));
  return refused;
}

async function update(given) {
  const api = client(given).messages;
  return {
    read: await api.updateMessage(given.inbound, "read"),
    replying: await api.updateMessage(given.inbound, "read", { typingIndicator: "text" }),
    revoked: await api.updateMessage(given.outbound, "revoked"),
    unknown: await failed(() => api.updateMessage("11111111-2222-4333-8444-555555555555", "read")),
  };
}

// A v0.1 request by a token of each kind in given.claims: the status of its answer.
async function tokens(given) {
  const statuses = {};
  for (const [name, claims] of Object.entries(given.claims)) {
    const token = tokenGenerate(given.application_id, given.private_key, claims);
    const answer = await fetch(`${given.url}/v0.1/messages`, {
      method: "POST",
      headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
      body: JSON.stringify(given.message),
    });
    statuses[name] = answer.status;
  }
  return statuses;
}

function verify(given) {
  return given.tokens.map((token) => verifySignature(token, given.signature_secret));
}

const all = {
  applications,
  numbers,
  account,
  wrong_secret: wrongSecret,
  send,
  send_refused: sendRefused,
  update,
  tokens,
  verify,
};
const asked = JSON.parse(readFileSync(0, "utf8"));
Promise.resolve(all[asked.function](asked.given)).then((result) => console.log(JSON.stringify(result)));

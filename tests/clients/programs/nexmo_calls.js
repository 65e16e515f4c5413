// Makes calls with the nexmo client, all at the same time or one after the other.
//
// Standard input:  {"given": {"credentials": {...}, "options": {...}, "together": true,
//                             "calls": [["channel.send", to, from, message], ...]}}
// Standard output: [{"error": what the callback got first or null, "result": what it got second}, ...]
"use strict";

const Nexmo = require("nexmo");

const { given } = JSON.parse(require("fs").readFileSync(0, "utf8"));
const nexmo = new Nexmo(given.credentials, given.options);

function call([path, ...args]) {
  const [resource, method] = path.split(".");
  return new Promise((resolve) => {
    nexmo[resource][method](...args, (error, result) =>
      resolve({ error: error || null, result: result === undefined ? null : result }),
    );
  });
}

async function oneByOne(calls) {
  const outcomes = [];
  for (const each of calls) outcomes.push(await call(each));
  return outcomes;
}

const outcomes = given.together ? Promise.all(given.calls.map(call)) : oneByOne(given.calls);
outcomes.then((all) => process.stdout.write(JSON.stringify(all)));

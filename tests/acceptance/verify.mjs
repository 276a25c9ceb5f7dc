// Verifies what is handed in with npm's `standardwebhooks`, installed in the directory that is the first argument.
// A line of JSON in: headers, body (base64), at (Unix seconds), secret. A line out: {"refusal": null, or why}.

import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const { Webhook } = createRequire(`${process.argv[2]}/`)("standardwebhooks");

function refusal({ headers, body, secret }) {
  try {
    new Webhook(secret).verify(Buffer.from(body, "base64"), headers);
    return null;
  } catch (error) {
    return `${error.name}: ${error.message}`;
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  Date.now = () => request.at * 1000; // the package judges the age by it
  console.log(JSON.stringify({ refusal: refusal(request) }));
}

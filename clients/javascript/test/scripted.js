import { createServer } from "node:http";
import { after } from "node:test";

import { StepmillClient } from "../src/index.js";

const servers = [];
after(() => servers.forEach((server) => server.close()));

/** A server that gives these answers in turn, and remembers what it was asked. */
export async function scripted(...answers) {
  const asked = [];
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const piece of request) body += piece;
    asked.push({ method: request.method, url: request.url, headers: request.headers, body });
    const answer = answers[Math.min(asked.length, answers.length) - 1];
    if (typeof answer === "function") return answer(response, request);
    const { status = 200, headers = {}, json } = answer;
    response.writeHead(status, { "content-type": "application/json", ...headers });
    response.end(json === undefined ? "" : JSON.stringify(json));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  servers.push(server);
  server.unref();
  const url = `http://127.0.0.1:${server.address().port}`;
  const client = new StepmillClient({ url, headers: () => ({ Authorization: "Bearer t" }) });
  return { client, asked, url };
}

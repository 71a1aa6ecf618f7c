/** A front end's own server, as small as can be: its page, the client's modules, and the way to Stepmill at the same origin. */

import { readFile } from "node:fs/promises";
import { createServer, request as forward } from "node:http";

import { serviceHeaders } from "../src/node.js";

const CLIENT = new URL("../src/", import.meta.url);
const IMPORT_MAP = { imports: { "@/services/apiService": "/assets/stepmill/index.js" } };

/**
 * Serve `/` with these modules in it, one script each.
 * @param {string} stepmill Where Stepmill is.
 * @param {string[]} modules
 */
export async function servePage(stepmill, modules) {
  const scripts = modules.map((text) => `<script type="module">${text}</script>`).join("\n");
  const page = `<!doctype html><title>A page</title><script type="importmap">${JSON.stringify(IMPORT_MAP)}</script>\n${scripts}`;
  const server = createServer(async (request, response) => {
    if (request.url.startsWith("/api/")) return passOn(stepmill, request, response);
    const module = /^\/assets\/stepmill\/(\w+\.js)$/.exec(request.url)?.[1];
    const body = module ? await readFile(new URL(module, CLIENT)) : request.url === "/" ? page : null;
    response.writeHead(body === null ? 404 : 200, { "content-type": module ? "text/javascript" : "text/html; charset=utf-8" });
    response.end(body);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${server.address().port}/`, close: () => server.closeAllConnections() ?? server.close() };
}

/** Pass a call on with this service's credentials, streams and uploads included. */
function passOn(stepmill, request, response) {
  const { host: _host, origin: _origin, ...headers } = request.headers;
  const options = { method: request.method, headers: { ...headers, ...serviceHeaders() } };
  const call = forward(new URL(request.url, stepmill), options, (answer) => {
    response.writeHead(answer.statusCode, answer.headers);
    answer.pipe(response);
  });
  call.on("error", () => response.destroy());
  response.on("close", () => call.destroy());
  request.pipe(call);
}

/** Stepmill's client for browsers, and for any runtime with `fetch`. Backend services on Node import `stepmill/service`. */

import { StepmillClient } from "./client.js";

export { StepmillClient } from "./client.js";
export * from "./problems.js";
export { SseParser } from "./sse.js";

/** The client of the server that this page came from. */
export const workerService = new StepmillClient();

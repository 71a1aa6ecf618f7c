/** The same on Node: the server and the credentials come from the environment. */

import { StepmillClient } from "./client.js";
import { serviceHeaders, workerUrl } from "./service.js";

export { StepmillClient } from "./client.js";
export * from "./problems.js";
export { SseParser } from "./sse.js";
export * from "./service.js";

/** The client of the server at `STEPMILL_URL`, as the service whose secret is in `STEPMILL_SERVICE_SECRET`. */
export const workerService = new StepmillClient({ url: workerUrl(), headers: () => serviceHeaders() });

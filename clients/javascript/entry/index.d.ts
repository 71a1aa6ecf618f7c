/** What TypeScript sees of the package in a browser: the client, and every shape by its name. */

export * from "../types/index.js";
export * from "../types/types.js";

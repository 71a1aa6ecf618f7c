/** The same on Node. */

export * from "../types/node.js";
export * from "../types/types.js";

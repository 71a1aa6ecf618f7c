import { register } from "node:module";

// What a front end's own bundler or import map does: `@/services/apiService` is this client.
const hooks = `
  const client = ${JSON.stringify(new URL("../src/node.js", import.meta.url).href)};
  export const resolve = (name, context, next) =>
    name === "@/services/apiService" ? { url: client, shortCircuit: true } : next(name, context);`;
register(`data:text/javascript,${encodeURIComponent(hooks)}`);

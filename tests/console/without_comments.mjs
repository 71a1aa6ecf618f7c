/** Says which modules mean something else without their comments: `node without_comments.mjs ACORN FROM TO`. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [acorn, from, to] = process.argv.slice(2);
const { parse } = await import(pathToFileURL(acorn).href);
const options = { ecmaVersion: "latest", sourceType: "module" };
const tree = (folder, name) => JSON.stringify(parse(readFileSync(join(folder, name), "utf8"), options), (key, value) => (key === "start" || key === "end" ? undefined : value));
const names = readdirSync(from, { recursive: true }).filter((name) => name.endsWith(".js"));
for (const name of names) if (tree(from, name) !== tree(to, name)) console.log(name);
console.log(`${names.length} modules compared`);

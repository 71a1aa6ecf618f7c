/**
 * Says which modules mean something else as they are sent: `node same_modules.mjs ACORN WRITTEN SENT`. In the templates
 * of pages, where lines begin with spaces that nobody sees, those don't count; in any other text they do.
 */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [acorn, written, sent] = process.argv.slice(2);
const { parse } = await import(pathToFileURL(acorn).href);

/** The tree of a module, as text, without the places of its parts. */
function tree(folder, name) {
  const parsed = parse(readFileSync(join(folder, name), "utf8"), { ecmaVersion: "latest", sourceType: "module" });
  return JSON.stringify(parsed, (key, value) => {
    if (key === "start" || key === "end") return undefined;
    return value?.type === "TaggedTemplateExpression" && value.tag.name === "html" ? withoutIndentation(value) : value;
  });
}

/** A page's template: between its lines there is nothing but the end of the line. */
function withoutIndentation({ quasi, ...template }) {
  const quasis = quasi.quasis.map(({ value: { cooked } }) => cooked.replace(/\n\s*/g, "\n"));
  return { ...template, type: "Page", quasi: { quasis, expressions: quasi.expressions } };
}

const names = readdirSync(written, { recursive: true }).filter((name) => name.endsWith(".js"));
for (const name of names) if (tree(written, name) !== tree(sent, name)) console.log(name);
console.log(`${names.length} modules compared`);

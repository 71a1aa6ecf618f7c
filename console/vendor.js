/**
 * Copies the libraries that the console serves out of node_modules into vendor/, with their licences, and writes down
 * what they are: package, version, npm's own hash of the package, and the hash of each file as it is served.
 */

import { createHash } from "node:crypto";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";

const FILES = {
  "preact.js": { package: "preact", file: "dist/preact.mjs" },
  "hooks.js": { package: "preact", file: "hooks/dist/hooks.mjs" },
  "htm.js": { package: "htm", file: "dist/htm.mjs" },
};

const here = (path) => new URL(path, import.meta.url);
const json = async (path) => JSON.parse(await readFile(here(path), "utf8"));

const lock = await json("package-lock.json");
await rm(here("vendor/"), { recursive: true, force: true });
await mkdir(here("vendor/"));
const manifest = {};
for (const [name, { package: from, file }] of Object.entries(FILES)) {
  const { version, license } = await json(`node_modules/${from}/package.json`);
  const source = await readFile(here(`node_modules/${from}/${file}`), "utf8");
  const text = source.replace(/\n?\/\/# sourceMappingURL=.*\n?$/, "\n");
  await writeFile(here(`vendor/${name}`), text);
  await writeFile(here(`vendor/LICENSE.${from}.txt`), await readFile(here(`node_modules/${from}/LICENSE`), "utf8"));
  const integrity = lock.packages[`node_modules/${from}`].integrity;
  const sha256 = createHash("sha256").update(text).digest("hex");
  manifest[name] = { package: from, version, licence: license, integrity, sha256 };
}
await writeFile(here("vendor/vendor.json"), `${JSON.stringify(manifest, null, 2)}\n`);

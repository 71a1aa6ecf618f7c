/**
 * Where in a JSON text the value of a pointer begins; if there is none, where what is around it does.
 * @param {string} text
 * @param {string} pointer
 */
export function placeOf(text, pointer) {
  const wanted = pointer.split("/").slice(1).map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
  /** Of each object or list around: the key or index. @type {(string | number)[]} */
  const path = [];
  let [found, reached] = [0, 0];
  for (const { 0: token, index } of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\],]|[^\s{}[\],:"]+/g)) {
    const last = path.length - 1;
    if (token === "}" || token === "]") path.pop();
    else if (token === ",") path[last] = typeof path[last] === "number" ? path[last] + 1 : "";
    else if (token.startsWith('"') && /^\s*:/.test(text.slice(index + token.length))) path[last] = JSON.parse(token);
    else {
      const fits = path.length <= wanted.length && path.every((part, place) => String(part) === wanted[place]);
      if (fits && path.length > reached) [found, reached] = [index, path.length];
      if (token === "{" || token === "[") path.push(token === "[" ? 0 : "");
    }
  }
  return found;
}

/**
 * Have the reader choose files of this computer; where they go is asked next.
 * @param {import("../models/uploads.js").Uploads} uploads
 */
export function chooseFiles(uploads) {
  const input = Object.assign(document.createElement("input"), { type: "file", multiple: true });
  input.addEventListener("change", () => uploads.offer([...(input.files ?? [])]));
  input.click();
}

/**
 * Have the reader choose files of this computer. With the uploads, where they go is asked next.
 * @param {{offer(files: File[]): void}} uploads
 */
export function chooseFiles(uploads) {
  const input = Object.assign(document.createElement("input"), { type: "file", multiple: true, hidden: true });
  input.onchange = () => uploads.offer([...(input.files ?? [])]);
  // One that stands nowhere may be gone before files are chosen.
  document.querySelector("body > input")?.remove();
  document.body.append(input);
  input.click();
}

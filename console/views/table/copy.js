import { html, useRef } from "../../lib/html.js";
import { useApp } from "../app.js";

/** A text to take along. Where a page may not write to the clipboard it is selected, to be copied by hand. @param {{text: string}} props */
export function Copy({ text }) {
  const { notices } = useApp();
  const code = useRef(/** @type {HTMLElement | null} */ (null));
  const copy = async () => {
    getSelection()?.selectAllChildren(/** @type {HTMLElement} */ (code.current));
    const isCopied = await navigator.clipboard?.writeText(text).then(() => true, () => false);
    notices.good(isCopied ? "Copied." : "Selected: copy it with Ctrl C.");
  };
  return html`<span class="copy"><code ref=${code} class="clip" title=${text}>${text}</code><button type="button" class="quiet" aria-label=${`Copy ${text}`} onClick=${copy}>Copy</button></span>`;
}

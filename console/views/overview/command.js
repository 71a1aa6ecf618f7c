import { html, useState } from "../../lib/html.js";

/** Something to type elsewhere, with a button that copies it where the browser lets a page do so. @param {{text: string}} props */
export function Command({ text }) {
  const [isCopied, setCopied] = useState(false);
  const copy = () => navigator.clipboard.writeText(text).then(() => setCopied(true), () => setCopied(false));
  return html`
    <div class="command">
      <pre tabindex="0" role="region" aria-label="Command"><code>${text}</code></pre>
      ${navigator.clipboard && html`<button type="button" class="quiet" onClick=${copy}><span aria-live="polite">${isCopied ? "Copied" : "Copy"}</span></button>`}
    </div>
  `;
}

import { html } from "../lib/html.js";
import { useApp, useModel } from "./app.js";
import { Icon } from "./parts/icon.js";

/** What was done or failed, said at the corner and read out. */
export function NoticeList() {
  const notices = useModel(useApp().notices);
  return html`
    <div class="notices" role="status" aria-live="polite">
      ${notices.items.map(
        (notice) => html`
          <p key=${notice.id} class=${`notice ${notice.tone}`}>
            <${Icon} name=${notice.tone === "bad" ? "warning" : "check"} />
            <span>${notice.text} ${notice.href && html`<a href=${notice.href}>${notice.linkText}</a>`}</span>
            <button type="button" class="quiet" aria-label="Dismiss" onClick=${() => notices.remove(notice.id)}><${Icon} name="close" /></button>
          </p>
        `,
      )}
    </div>
  `;
}

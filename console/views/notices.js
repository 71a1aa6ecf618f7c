import { useApp, useModel } from "app";
import { html, useEffect, useState } from "html";
import { Icon } from "parts";

const PATIENCE_MS = 1_500;

/** Says that the connection is lost, when it has been for more than a moment. */
export function Banner() {
  const { state } = useModel(useApp().connection);
  const [isShown, setShown] = useState(false);
  useEffect(() => {
    if (state === "live") setShown(false);
    const timer = state === "lost" ? setTimeout(() => setShown(true), PATIENCE_MS) : undefined;
    return () => clearTimeout(timer);
  }, [state]);
  return html`<div role="status">
    ${isShown && html`<p class="hint CANCELLED banner"><${Icon} name="warning" /> Connection lost. What you see may be out of date; it catches up by itself when the server answers.</p>`}
  </div>`;
}

/** What was done or failed, said at the corner and read out. */
export function NoticeList() {
  const notices = useModel(useApp().notices);
  return html`
    <div class="notices" role="status">
      ${notices.items.map(
        ({ id, tone, text, href, linkText }) => html`
          <p key=${id} class=${`notice ${tone}`}>
            <${Icon} name=${tone === "ERROR" ? "warning" : "check"} /><span class="grow">${text} ${href && html`<a href=${href}>${linkText}</a>`}</span>
            <button class="quiet" aria-label="Dismiss" onClick=${() => notices.remove(id)}><${Icon} name="close" /></button>
          </p>
        `,
      )}
    </div>
  `;
}

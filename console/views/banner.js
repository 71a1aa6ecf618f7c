import { html, useEffect, useState } from "../lib/html.js";
import { useApp, useModel } from "./app.js";
import { Icon } from "./parts/icon.js";

const PATIENCE_MS = 1_500;

/** Says that the connection is lost, when it has been for more than a moment. */
export function Banner() {
  const { connection } = useApp();
  const { state } = useModel(connection);
  const [isShown, setShown] = useState(false);
  useEffect(() => {
    if (state !== "lost") {
      if (state === "live") setShown(false);
      return undefined;
    }
    const timer = setTimeout(() => setShown(true), PATIENCE_MS);
    return () => clearTimeout(timer);
  }, [state]);
  return html`
    <div role="status" aria-live="polite">
      ${isShown &&
      html`<p class="banner"><${Icon} name="warning" />Connection lost. What you see may be out of date; it catches up by itself when the server answers.</p>`}
    </div>
  `;
}

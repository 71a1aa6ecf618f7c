import { html } from "../lib/html.js";
import { useApp } from "./app.js";
import { Icon } from "./parts/icon.js";

/** The screens that one goes to, each with those that belong to it. @type {[name: string, text: string, screens: string[]][]} */
export const PLACES = [
  ["overview", "Overview", ["overview"]],
  ["jobs", "Jobs", ["jobs", "job"]],
  ["areas", "Files", ["areas", "area", "file", "plan"]],
  ["tables", "Tables", ["tables", "table"]],
  ["workers", "Workers", ["workers"]],
];

/** At the side of a wide window, at the foot of a narrow one. */
export function Navigation() {
  const { links, route } = useApp();
  return html`
    <nav class="places" aria-label="Screens">
      ${PLACES.map(([name, text, screens]) => {
        const href = /** @type {any} */ (links)[name]();
        return html`<a key=${name} href=${href} aria-current=${screens.includes(route.screen) ? "page" : undefined}><${Icon} name=${name} /><span>${text}</span></a>`;
      })}
      <a class="wide-only apart" href=${links.api()}><${Icon} name="external" /><span>HTTP API</span></a>
    </nav>
  `;
}

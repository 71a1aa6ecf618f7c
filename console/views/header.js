import { useApp, useModel } from "app";
import { html } from "html";
import { Icon } from "parts";

const STATES = { connecting: "Connecting", live: "Live", lost: "Reconnecting", paused: "Paused" };

/** @type {Record<string, string>} */
export const THEMES = { system: "As the system", light: "Light", dark: "Dark", contrast: "High contrast" };

/** The screens that one goes to, each with those that belong to it. @type {[name: string, text: string, screens: string[]][]} */
export const PLACES = [
  ["overview", "Overview", ["overview"]],
  ["jobs", "Jobs", ["jobs", "job"]],
  ["areas", "Files", ["areas", "area", "file", "plan"]],
  ["tables", "Tables", ["tables", "table"]],
  ["workers", "Workers", ["workers"]],
];

/** @param {string} theme */
export function chooseTheme(theme) {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  try {
    localStorage.setItem("stepmill.theme", theme);
  } catch {
    // It holds for this page, then.
  }
}

/**
 * Show another environment. What a screen shows belongs to one, so the list that the screen is one of is shown instead.
 * @param {import("../lib/router.js").Router} router
 * @param {string} envId
 */
export function chooseEnvironment(router, envId) {
  const [, place = ""] = location.pathname.split("/");
  router.go(`/${place}${envId === "default" ? "" : `?env=${encodeURIComponent(envId)}`}`);
}

/** The bar at the top: where one is, the way to everything, and whether it is live. @param {{onPalette: () => void}} props */
export function Header({ onPalette }) {
  const { links, connection, session, envId, router } = useApp();
  const { state } = useModel(connection);
  const environments = Object.fromEntries([[envId, envId], ...session.environments.map((each) => [each.envId, each.name])]);
  return html`
    <header class="bar">
      <a class="mark" href=${links.overview()}><img src="/static/icon.svg" alt="" width="22" height="22" />Stepmill</a>
      ${Object.keys(environments).length > 1 && html`<${Choice} name="Environment" className="env" value=${envId} choices=${environments} onChoose=${(/** @type {string} */ chosen) => chooseEnvironment(router, chosen)} />`}
      <span class="grow"></span>
      <span class=${`link-state ${state}`} title="Changes are shown as they happen"><i aria-hidden="true"></i>${STATES[state]}</span>
      <button class="finder" onClick=${onPalette} aria-keyshortcuts="Control+K Meta+K">
        <${Icon} name="search" /><span>Search or go to</span><kbd class="wide-only">${/Mac/.test(navigator.platform) ? "⌘" : "Ctrl"} K</kbd>
      </button>
      <${Choice} name="Theme" className="theme" value=${document.documentElement.dataset.theme ?? "system"} choices=${THEMES} onChoose=${chooseTheme}><${Icon} name="theme" /><//>
      <button class="quiet wide-only" onClick=${() => session.signOut()}>Sign out</button>
    </header>
  `;
}

/** @param {{name: string, className: string, value: string, choices: Record<string, string>, onChoose: (chosen: string) => void, children?: any}} props */
const Choice = ({ name, className, value, choices, onChoose, children }) => html`
  <label class=${className} title=${name}>${children}
    <select aria-label=${name} value=${value} onChange=${(/** @type {any} */ event) => onChoose(event.currentTarget.value)}>
      ${Object.entries(choices).map(([id, text]) => html`<option key=${id} value=${id}>${text}</option>`)}
    </select>
  </label>
`;

/** The way to each place: at the side of a wide window, at the foot of a narrow one. */
export function Navigation() {
  const { links, route } = useApp();
  return html`
    <nav class="places" aria-label="Screens">
      ${PLACES.map(
        ([name, text, screens]) => html`<a key=${name} href=${/** @type {any} */ (links)[name]()} aria-current=${screens.includes(route.screen) ? "page" : undefined}><${Icon} name=${name} /><span>${text}</span></a>`,
      )}
      <a class="wide-only apart" href=${links.api()}><${Icon} name="external" /><span>HTTP API</span></a>
    </nav>
  `;
}

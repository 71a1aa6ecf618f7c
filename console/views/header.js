import { html } from "../lib/html.js";
import { useApp, useModel } from "./app.js";
import { Icon } from "./parts/icon.js";
import { ThemeSwitch } from "./theme_switch.js";

const STATES = { connecting: "Connecting", live: "Live", lost: "Reconnecting", paused: "Paused" };

/** The bar at the top: where one is, the way to everything, and whether it is live. @param {{onPalette: () => void}} props */
export function Header({ onPalette }) {
  const { links, connection, session } = useApp();
  const { state } = useModel(connection);
  return html`
    <header class="bar">
      <a class="mark" href=${links.overview()}><img src="/static/icon.svg" alt="" width="22" height="22" />Stepmill</a>
      <${EnvironmentSwitch} />
      <span class="grow"></span>
      <span class=${`link-state ${state}`} title="Changes are shown as they happen"><i aria-hidden="true"></i>${STATES[state]}</span>
      <button type="button" class="finder" onClick=${onPalette} aria-keyshortcuts="Control+K Meta+K">
        <${Icon} name="search" /><span>Search or go to</span><kbd class="wide-only">${/Mac/.test(navigator.platform) ? "⌘" : "Ctrl"} K</kbd>
      </button>
      <${ThemeSwitch} />
      <button type="button" class="quiet wide-only" onClick=${() => session.signOut()}>Sign out</button>
    </header>
  `;
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

/** Only where there is a choice. */
function EnvironmentSwitch() {
  const { session, envId, router } = useApp();
  if (session.environments.length < 2 && session.environments[0]?.envId === envId) return null;
  const known = session.environments.some((each) => each.envId === envId);
  return html`
    <label class="env"><span class="visually-hidden">Environment</span>
      <select value=${envId} onChange=${(/** @type {any} */ event) => chooseEnvironment(router, event.currentTarget.value)}>
        ${!known && html`<option value=${envId}>${envId}</option>`}
        ${session.environments.map((each) => html`<option key=${each.envId} value=${each.envId}>${each.name}</option>`)}
      </select>
    </label>
  `;
}

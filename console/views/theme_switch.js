import { html, useEffect, useState } from "../lib/html.js";
import { Icon } from "./parts/icon.js";

const THEMES = { system: "As the system", light: "Light", dark: "Dark", contrast: "High contrast" };

/** The theme in force. */
export const chosenTheme = () => document.documentElement.dataset.theme ?? "system";

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

export { THEMES };

/** A theme may be chosen elsewhere too. */
export function ThemeSwitch() {
  const [theme, setTheme] = useState(chosenTheme());
  useEffect(() => {
    const themed = new MutationObserver(() => setTheme(chosenTheme()));
    themed.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    return () => themed.disconnect();
  }, []);
  return html`
    <label class="theme" title="Theme"><${Icon} name="theme" /><span class="visually-hidden">Theme</span>
      <select value=${theme} onChange=${(/** @type {any} */ event) => chooseTheme(event.currentTarget.value)}>
        ${Object.entries(THEMES).map(([name, text]) => html`<option key=${name} value=${name}>${text}</option>`)}
      </select>
    </label>
  `;
}

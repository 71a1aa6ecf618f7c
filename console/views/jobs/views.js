import { html, useState } from "html";
import { Dialog, Field } from "parts";
import { remember, remembered } from "../../lib/storage.js";
import { choiceOf } from "../../models/job_filters.js";
import { onValue } from "../job/values.js";

const NAME = "jobs.views";

/**
 * Filters kept under a name in this browser: their keys by name.
 * @param {{current: string, onChoose: (choice: import("../../models/job_filters.js").Choice) => void}} props `current` is the key of the filters now
 */
export function Views({ current, onChoose }) {
  const [views, setViews] = useState(/** @type {Record<string, string>} */ (remembered(NAME) ?? {}));
  const [isSaving, setSaving] = useState(false);
  const names = Object.keys(views).sort();
  const shown = names.find((name) => views[name] === current);
  const set = (/** @type {Record<string, string | undefined>} */ changes) => {
    // Another tab may have changed them.
    remember(NAME, { ...remembered(NAME), ...changes });
    setViews(remembered(NAME) ?? {});
  };
  return html`
    ${names.length > 0 &&
    html`<select aria-label="Saved views" value=${shown ?? ""} onChange=${onValue((name) => onChoose(choiceOf(Object.fromEntries(new URLSearchParams(views[name])))))}>
        <option value="" disabled>Saved views</option>
        ${names.map((name) => html`<option key=${name} value=${name}>${name}</option>`)}
      </select>`}
    ${shown && html`<button class="quiet" onClick=${() => set({ [shown]: undefined })}>Remove view</button>`}
    ${!shown && current && html`<button class="quiet" onClick=${() => setSaving(true)}>Save view</button>`}
    ${isSaving && html`<${SaveDialog} onSave=${(/** @type {string} */ name) => set({ [name]: current })} onClose=${() => setSaving(false)} />`}
  `;
}

/** @param {{onSave: (name: string) => void, onClose: () => void}} props */
function SaveDialog({ onSave, onClose }) {
  const save = (/** @type {any} */ event) => {
    event.preventDefault();
    onSave(event.currentTarget.elements.name.value.trim());
    onClose();
  };
  return html`<${Dialog} title="Save view" onClose=${onClose}>
    <form class="form" onSubmit=${save}>
      <${Field} label="Name" hint="This browser keeps the filters under it, in place of those that had it before.">
        <input name="name" required maxlength="60" pattern=".*\\S.*" title="A name with at least one letter" />
      <//>
      <div class="form-foot"><button class="primary">Save</button></div>
    </form>
  <//>`;
}

import { html, useMemo, useState } from "../../lib/html.js";
import { choiceOf } from "../../models/job_filters.js";
import { SavedViews } from "../../models/saved_views.js";
import { useModel } from "../app.js";
import { Dialog, Field } from "../parts/controls.js";

/**
 * Filters kept under a name in this browser.
 * @param {{current: string, onChoose: (choice: import("../../models/job_filters.js").Choice) => void}} props `current` is the key of the filters now
 */
export function Views({ current, onChoose }) {
  const views = useModel(useMemo(() => new SavedViews(), []));
  const [isSaving, setSaving] = useState(false);
  const shown = views.items.find((each) => each.key === current);
  const choose = (/** @type {any} */ event) => {
    const view = views.items.find((each) => each.name === event.currentTarget.value);
    if (view) onChoose(choiceOf(Object.fromEntries(new URLSearchParams(view.key))));
  };
  return html`
    ${views.items.length > 0 &&
    html`<label><span class="visually-hidden">Saved views</span>
      <select value=${shown?.name ?? ""} onChange=${choose}>
        <option value="" disabled>Saved views</option>
        ${views.items.map(({ name }) => html`<option key=${name} value=${name}>${name}</option>`)}
      </select></label>`}
    ${shown && html`<button type="button" class="quiet" onClick=${() => views.remove(shown.name)}>Remove view</button>`}
    ${!shown && current !== "" && html`<button type="button" class="quiet" onClick=${() => setSaving(true)}>Save view</button>`}
    ${isSaving && html`<${SaveDialog} names=${views.items.map(({ name }) => name)} onSave=${(/** @type {string} */ name) => views.save(name, current)} onClose=${() => setSaving(false)} />`}
  `;
}

/** @param {{names: string[], onSave: (name: string) => void, onClose: () => void}} props */
function SaveDialog({ names, onSave, onClose }) {
  const [name, setName] = useState("");
  const save = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    onSave(name.trim());
    onClose();
  };
  return html`<${Dialog} title="Save view" onClose=${onClose}>
    <form class="form" onSubmit=${save}>
      <${Field} label="Name" hint=${names.includes(name.trim()) ? "Replaces the view of this name." : "This browser keeps the filters under it."}>
        <input required maxlength="60" value=${name} onInput=${(/** @type {any} */ event) => setName(event.currentTarget.value)} />
      <//>
      <div class="form-foot"><button class="primary" disabled=${!name.trim()}>Save</button></div>
    </form>
  <//>`;
}

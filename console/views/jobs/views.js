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
    html`<select aria-label="Saved views" value=${shown?.name ?? ""} onChange=${choose}>
        <option value="" disabled>Saved views</option>
        ${views.items.map(({ name }) => html`<option key=${name} value=${name}>${name}</option>`)}
      </select>`}
    ${shown && html`<button type="button" class="quiet" onClick=${() => views.remove(shown.name)}>Remove view</button>`}
    ${!shown && current !== "" && html`<button type="button" class="quiet" onClick=${() => setSaving(true)}>Save view</button>`}
    ${isSaving && html`<${SaveDialog} onSave=${(/** @type {string} */ name) => views.save(name, current)} onClose=${() => setSaving(false)} />`}
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

import { html, useState } from "../../lib/html.js";
import { useAction, useApp } from "../app.js";
import { Dialog } from "../parts/controls.js";
import { Section } from "../parts/page.js";
import { AreaForm } from "./area_form.js";
import { Form } from "./forms.js";

/** @param {{area: any, onChange: () => void}} props */
export function AreaSettings({ area, onChange }) {
  const { client, envId, session, notices, router, links } = useApp();
  const [isDeleting, setDeleting] = useState(false);
  const save = async (/** @type {any} */ changes) => {
    await client.updateArea(envId, area.areaId, changes);
    notices.good("Saved.");
    onChange();
  };
  const remove = useAction(async () => {
    await client.deleteArea(envId, area.areaId);
    notices.good(`${area.name} is deleted.`);
    router.go(links.areas());
  });
  if (!session.may("editor")) return html`<p class="hint">Who has the role editor can change or delete this area.</p>`;
  return html`
    <div class="sheet pad narrow"><${AreaForm} area=${area} submit="Save" onSubmit=${save} /></div>
    <${Section} title="Delete the area">
      <p class="line small"><button type="button" class="danger" onClick=${() => setDeleting(true)}>Delete this area</button>with its files, its plans and its table</p>
    <//>
    ${isDeleting &&
    html`<${Dialog} title=${`Delete ${area.name}?`} onClose=${() => setDeleting(false)}>
      <${Form} action=${remove} submit="Delete all of it" what="Deleting" className="danger"><p>Its files, plans and table go, and can't be brought back.</p><//>
    <//>`}
  `;
}

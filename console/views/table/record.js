import { number } from "../../lib/format.js";
import { html } from "../../lib/html.js";
import { Icon } from "../parts/icon.js";
import { Skeleton } from "../parts/states.js";
import { shown } from "./cells.js";

/**
 * One row in full.
 * @param {{columns: import("./cells.js").Column[], row: Record<string, unknown> | null, index: number, count: number, onShow: (index: number) => void, onClose: () => void}} props
 */
export const Record = ({ columns, row, index, count, onShow, onClose }) => html`
  <section class="record sheet" aria-labelledby="record">
    <header>
      <h2 id="record" aria-live="polite">Row ${number(index + 1)}</h2>
      <button type="button" class="quiet" disabled=${index === 0} onClick=${() => onShow(index - 1)}>Previous</button>
      <button type="button" class="quiet" disabled=${index + 1 >= count} onClick=${() => onShow(index + 1)}>Next</button>
      <button type="button" class="quiet" aria-label="Close" onClick=${onClose}><${Icon} name="close" /></button>
    </header>
    ${row
      ? html`<dl class="facts">${columns.map(({ name, logicalName, unit }) => html`<div key=${name}><dt>${logicalName}${unit && ` (${unit})`}</dt><dd>${shown(row[logicalName], 2)}</dd></div>`)}</dl>`
      : html`<${Skeleton} rows=${8} />`}
  </section>
`;

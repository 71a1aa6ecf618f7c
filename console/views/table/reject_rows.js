import { counted, number } from "../../lib/format.js";
import { html, useState } from "../../lib/html.js";

/** @typedef {{name: string | null, value: string | null, offending: boolean}} Cell */
/** @typedef {import("stepmill/types").Reject & {cells?: Cell[] | null}} Reject */

const AROUND = 3;

/** Records that could not be loaded: where each is, why, and its cells with the one at fault marked. @param {{rejects: Reject[]}} props */
export const RejectRows = ({ rejects }) => html`
  <ol class="entries reject-rows">
    ${rejects.map(
      (reject, index) => html`
        <li key=${index}>
          <p class="line">
            <strong class="figure">${reject.line === null ? "Record" : `Line ${number(reject.line)}`}</strong>
            ${reject.column !== null && html`<code>${reject.column}</code>`}
            <span class="grow">${reject.reason}</span><span class="tag">${reject.code}</span>
          </p>
          ${reject.cells ? html`<${Cells} cells=${reject.cells} />` : reject.raw !== null && html`<pre class="raw">${reject.raw}</pre>`}
        </li>
      `,
    )}
  </ol>
`;

/** Of a wide record the cells around the one at fault; the others on demand. @param {{cells: Cell[]}} props */
function Cells({ cells }) {
  const [isWhole, setWhole] = useState(false);
  const faults = cells.flatMap(({ offending }, index) => (offending ? [index] : []));
  const near = (/** @type {number} */ index) => isWhole || (faults.length ? faults : [0]).some((fault) => Math.abs(fault - index) <= AROUND);
  const hidden = cells.filter((_, index) => !near(index)).length;
  return html`
    <ul class="cells">
      ${cells.map((cell, index) => {
        if (near(index)) return html`<li key=${index} class=${cell.offending ? "offending" : ""}><${One} ...${cell} /></li>`;
        return (index === 0 || near(index - 1)) && html`<li key=${index} class="gap" aria-hidden="true">…</li>`;
      })}
      ${(hidden > 0 || isWhole) &&
      html`<li key="all"><button type="button" class="quiet" aria-expanded=${String(isWhole)} onClick=${() => setWhole(!isWhole)}>
        ${isWhole ? "Show less" : `Show ${counted(hidden, "more cell")}`}</button></li>`}
    </ul>
  `;
}

/** @param {Cell} props */
const One = ({ name, value, offending }) => html`
  <span class="cell-name">${offending && html`<span class="visually-hidden">At fault: </span>`}${name ?? "past the last column"}</span>
  <span class="cell-value">${value === null ? html`<i>missing</i>` : value === "" ? html`<i>empty</i>` : String(value)}</span>
`;

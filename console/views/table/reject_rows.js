import { number } from "format";
import { html, useState } from "html";

const AROUND = 3;

/** Records that could not be loaded: where each is, why, and its cells with the one at fault marked. @param {{rejects: import("stepmill/types").Reject[]}} props */
export function RejectRows({ rejects }) {
  const [whole, setWhole] = useState(-1);
  return html`
    <ol class="entries">${rejects.map(({ line, column, reason, code, raw, cells }, index) => {
      const isWhole = index === whole;
      return html`
        <li>
          <p class="line">
            <strong class="figure">${line === null ? "Record" : `Line ${number(line)}`}</strong> ${column !== null && html`<code>${column}</code>`}
            <span class="grow">${reason}</span><span class="tag">${code}</span>
          </p>
          ${cells ? html`<ul class="cells">${(isWhole ? cells : nearFault(cells)).map(cellOf)}</ul>` : raw && html`<pre class="raw">${raw}</pre>`}
          ${(cells ?? []).length > 2 * AROUND + 1 && html`
            <button class="quiet" aria-expanded=${isWhole} onClick=${() => setWhole(isWhole ? -1 : index)}>All ${cells?.length} cells</button>`}
        </li>
      `;
    })}</ol>
  `;
}

/** @param {import("stepmill/types").Cell} cell */
const cellOf = ({ name, value, offending }) => html`
  <li class=${offending ? "offending" : ""}>
    <span class="cell-name">${offending && html`<span class="visually-hidden">At fault: </span>`}${name ?? "past the last column"}</span>
    <span class="raw">${value || html`<i>${value === null ? "missing" : "empty"}</i>`}</span>
  </li>
`;

/** Of a wide record's cells those around the one at fault. @param {import("stepmill/types").Cell[]} cells */
function nearFault(cells) {
  const faults = cells.map(({ offending }) => offending);
  return cells.slice(Math.max(0, faults.indexOf(true) - AROUND), Math.max(0, faults.lastIndexOf(true)) + AROUND + 1);
}

import { number, percent } from "../../lib/format.js";
import { html } from "../../lib/html.js";
import { useApp, useResource } from "../app.js";
import { Commonest, Histogram } from "../parts/distribution.js";
import { Loaded, Skeleton } from "../parts/states.js";
import { isNumber, textOf } from "./cells.js";

/** What each column is, and what it holds. @param {import("../screens/table.js").TabProps} props */
export function Columns({ table }) {
  const { client, envId } = useApp();
  const { physId, columns, lastLoadAt, rows } = table;
  const profile = useResource((signal) => client.profileTable(envId, physId, { signal }), [envId, physId, lastLoadAt, rows]);
  return html`
    <${Loaded} resource=${profile} what="What the columns hold" skeleton=${html`<${Skeleton} rows=${columns.length} kind="row" />`}>
      ${(/** @type {any} */ { columns: found, sampledRows }) => html`
        ${sampledRows < rows && html`<p class="soft small">As found in ${number(sampledRows)} rows taken at random.</p>`}
        <div class="sheet scroll" role="region" aria-label="Columns" tabindex="0">
          <table class="profile">
            <thead><tr>${["Column", "Type", "Nulls", "Distinct", "From", "To", "Distribution"].map((name, place) => html`<th scope="col" class=${place === 2 || place === 3 ? "number" : ""}>${name}</th>`)}</tr></thead>
            <tbody>${columns.map((column) => html`<${One} column=${column} found=${found.find((/** @type {any} */ { name }) => name === column.name) ?? {}} total=${sampledRows} />`)}</tbody>
          </table>
        </div>
      `}
    <//>
  `;
}

/** @param {{column: import("./cells.js").Column, found: any, total: number}} props */
function One({ column: { name, logicalName, type, unit, nullable }, found, total }) {
  const { nulls = 0, distinct = 0, histogram = [], commonest = [] } = found;
  return html`
    <tr>
      <th scope="row">${logicalName}${name !== logicalName && html`<small>${name}</small>`}</th>
      <td>${type}${unit && html` <span class="tag">${unit}</span>`}${!nullable && html`<small>never null</small>`}</td>
      <td class="number">${percent(total ? nulls / total : 0)}</td>
      <td class="number">${number(distinct)}</td>
      ${[found.min, found.max].map((end) => {
        const text = end === null || end === undefined ? "–" : isNumber(type) && typeof end === "number" ? number(end) : textOf(end);
        return html`<td class="figure"><div class="clip" title=${text}>${text}</div></td>`;
      })}
      <td class="spread">${histogram.length > 0 ? html`<${Histogram} buckets=${histogram} label=${`Distribution of ${logicalName}`} />` : html`<${Commonest} values=${commonest.slice(0, 3)} total=${total} />`}</td>
    </tr>
  `;
}

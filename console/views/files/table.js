import { html } from "../../lib/html.js";

/** A column: its heading, what stands in its cells, and the classes of both. @typedef {[name: any, cell: (item: any, index: number) => any, className?: string]} TableColumn */

/**
 * A table of a moderate number of rows; the first column names the row.
 * @param {{label: string, columns: TableColumn[], items: any[]}} props
 */
export const Table = ({ label, columns, items }) => html`
  <div class="sheet scroll" role="group" aria-label=${label} tabindex="0">
    <table>
      <thead><tr>${columns.map(([name, , className]) => html`<th scope="col" class=${className}>${name || html`<span class="visually-hidden">Actions</span>`}</th>`)}</tr></thead>
      <tbody>${items.map(
        (item, index) => html`<tr>${columns.map(([, cell, className], place) =>
          place === 0 ? html`<th scope="row" class=${className}>${cell(item, index)}</th>` : html`<td class=${className}>${cell(item, index)}</td>`)}</tr>`,
      )}</tbody>
    </table>
  </div>
`;

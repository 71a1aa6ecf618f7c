/** What every screen is made of: its frame, its pictures, and how it looks while there is nothing, or a failure. */

import { html, useEffect } from "html";

/** Each a path in a square of 16, drawn as a line. */
const PATHS = {
  overview: "M2 13V8m4 5V4m4 9V6m4 7V2",
  jobs: "M2 4h12M2 8h12M2 12h8",
  areas: "M2 4.5h4l1.5 2H14v6H2z",
  tables: "M2 3h12v10H2zM2 6.5h12M6.5 6.5V13",
  workers: "M4 4h8v8H4zM6.5 1.5V4m3-2.5V4m-3 8v2.5m3-2.5v2.5M1.5 6.5H4m-2.5 3H4m8-3h2.5m-2.5 3h2.5",
  search: "M7 2.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9M10.5 10.5 14 14",
  close: "m4 4 8 8m0-8-8 8",
  more: "m6 4 4 4-4 4",
  upload: "M8 11V3m-3 3 3-3 3 3M3 13h10",
  retry: "M13 8a5 5 0 1 1-1.5-3.5M13 2v3h-3",
  stop: "M4 4h8v8H4z",
  check: "m3 8.5 3.5 3.5L13 5",
  warning: "M8 2.5 14 13H2zM8 6.5v3m0 1.7v.3",
  theme: "M8 2a6 6 0 1 0 0 12zM8 2a6 6 0 0 1 0 12",
  plus: "M8 3v10M3 8h10",
  external: "M6 3H3v10h10v-3M9 3h4v4m0-4L7.5 8.5",
  menu: "M2 4h12M2 8h12M2 12h12",
  file: "M4 2h5l3 3v9H4zM9 2v3h3",
  clock: "M8 2a6 6 0 1 1 0 12A6 6 0 0 1 8 2m0 3v3.2l2 1.3",
};

/** A picture beside a word. It says nothing that the word does not. @param {{name: keyof typeof PATHS}} props */
export const Icon = ({ name }) => html`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false"><path d=${PATHS[name]} /></svg>`;

/**
 * A screen: its title, which is the window's too, what one can do here, and its content.
 * @param {{title: string, kicker?: any, subtitle?: any, actions?: any, children: any}} props
 */
export function Page({ title, kicker, subtitle, actions, children }) {
  useEffect(() => {
    document.title = `${title} · Stepmill`;
  }, [title]);
  return html`
    <div class="page-head">
      <div class="page-title">
        ${kicker && html`<p class="kicker">${kicker}</p>`}
        <h1 tabindex="-1">${title}</h1>
        ${subtitle && html`<div class="subtitle">${subtitle}</div>`}
      </div>
      ${actions && html`<div class="actions">${actions}</div>`}
    </div>
    ${children}
  `;
}

/** A part of a screen, with a heading. @param {{title: any, id?: string, aside?: any, children: any}} props */
export const Section = ({ title, id, aside, children }) => html`
  <section class="section" aria-labelledby=${id}>
    <header><h2 id=${id}>${title}</h2>${aside && html`<div class="aside">${aside}</div>`}</header>
    ${children}
  </section>
`;

/** Names with their values. @param {{items: [name: any, value: any][]}} props */
export const Facts = ({ items }) => html`
  <dl class="facts">
    ${items.filter(([, value]) => (value ?? false) !== false).map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}
  </dl>
`;

/**
 * There is nothing yet: says what would be here, and how to get it.
 * @param {{title: string, icon?: any, children?: import("../../lib/html.js").Children}} props
 */
export const Empty = ({ title, icon = "file", children }) =>
  html`<div class="empty"><${Icon} name=${icon} /><h2>${title}</h2><div class="flow">${children}</div></div>`;

/**
 * Something failed: what, why, and what to do.
 * @param {{error: any, what?: string, onRetry?: () => void}} props
 */
export const Failure = ({ error, what = "This", onRetry }) => html`
  <div class="failure ERROR" role="alert">
    <${Icon} name="warning" />
    <div class="flow">
      <p><strong>${titleOf(error, what)}</strong></p>
      <p>${error.message}</p>
      ${error.errors?.length > 0 && html`<ul>${error.errors.map((/** @type {any} */ each) => html`<li><code>${each.pointer || "/"}</code> ${each.message}</li>`)}</ul>`}
      ${error.status === 401 && html`<p>Sign in again with the link that <code>stepmill link</code> prints.</p>`}
      <p class="soft"><code>${error.code}</code> ${error.requestId && html`Request <code>${error.requestId}</code>`}</p>
      ${onRetry && html`<button type="button" onClick=${onRetry}><${Icon} name="retry" />Try again</button>`}
    </div>
  </div>
`;

/** @param {any} error @param {string} what */
function titleOf(error, what) {
  if (error.status === 404) return `${what} is not here`;
  if (error.status === 403) return "You may not do this";
  return error.status >= 500 || error.status === null ? `${what} can't be read just now` : `${what} was refused`;
}

/** Grey bars in the size of what is to come, so that nothing jumps. @param {{rows?: number, kind?: "line" | "row" | "tile" | "chart"}} props */
export const Skeleton = ({ rows = 3, kind = "line" }) => html`
  <div class="skeleton" role="status" aria-label="Loading">${Array.from({ length: rows }, () => html`<span class=${kind}></span>`)}</div>
`;

/**
 * The view of a resource in each of its states. A failure of a later reading stands above what is there. With `title`
 * it is a page of its own while there is nothing else.
 * @template T
 * @param {{resource: import("../../models/resource.js").Resource<T>, what?: string, title?: string, skeleton?: import("../../lib/html.js").VNode, children: (data: T) => any}} props
 */
export function Loaded({ resource, what, title, skeleton, children }) {
  const failure = resource.error && html`<${Failure} error=${resource.error} what=${what} onRetry=${() => resource.load()} />`;
  const instead = failure || skeleton || html`<${Skeleton} />`;
  if (resource.data === null) return title ? html`<${Page} title=${title}>${instead}<//>` : instead;
  return html`${failure}${children(resource.data)}`;
}

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

import { html } from "../../lib/html.js";
import { Icon } from "./icon.js";

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
 * The view of a resource in each of its states. A failure of a later reading stands above what is there.
 * @template T
 * @param {{resource: import("../../models/resource.js").Resource<T>, what?: string, skeleton?: import("../../lib/html.js").VNode, children: (data: T) => any}} props
 */
export function Loaded({ resource, what, skeleton, children }) {
  const failure = resource.error && html`<${Failure} error=${resource.error} what=${what} onRetry=${() => resource.load()} />`;
  if (resource.data === null) return failure || skeleton || html`<${Skeleton} />`;
  return html`${failure}${children(resource.data)}`;
}

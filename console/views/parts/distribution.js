import { number, percent } from "format";
import { html } from "html";

/** @typedef {{from: unknown, to: unknown, count: number}} Bucket */

/** How values are spread: a bar for each bucket. @param {{buckets: Bucket[], label: string}} props */
export function Histogram({ buckets, label }) {
  const most = Math.max(1, ...buckets.map(({ count }) => count));
  const ends = buckets.length ? `from ${short(buckets[0].from)} to ${short(buckets[buckets.length - 1].to)}` : "";
  return html`
    <div class="histogram" role="img" aria-label=${`${label}: ${ends}`}>
      ${buckets.map(({ from, to, count }, index) => html`<span key=${index} title=${`${short(from)} to ${short(to)}: ${number(count)}`} style=${{ height: `${count ? Math.max(4, (100 * count) / most) : 0}%` }}></span>`)}
    </div>
  `;
}

/** The commonest values, each with its share as a bar behind it. @param {{values: {value: unknown, count: number}[], total: number}} props */
export const Commonest = ({ values, total }) => html`
  <ol class="commonest">
    ${values.map(
      ({ value, count }, index) => html`
        <li key=${index} style=${{ "--share": `${(100 * count) / (total || 1)}%` }}><span class="clip" title=${short(value)}>${short(value)}</span><span class="soft figure">${percent(count / (total || 1))}</span></li>
      `,
    )}
  </ol>
`;

/** @param {unknown} value */
const short = (value) => (typeof value === "number" ? number(value) : String(value ?? "null"));

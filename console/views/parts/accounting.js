import { number } from "format";
import { html } from "html";

/** @type {[key: "rowsLoaded" | "rowsRejected" | "rowsFiltered" | "rowsDeduplicated", name: string, colour: string][]} */
const OUTCOMES = [
  ["rowsLoaded", "loaded", "--loaded"],
  ["rowsRejected", "rejected", "--rejected"],
  ["rowsFiltered", "filtered", "--filtered"],
  ["rowsDeduplicated", "deduplicated", "--deduplicated"],
];

/**
 * Every row that was read has one outcome: read = loaded + rejected + filtered + deduplicated, as a bar and in numbers.
 * @param {{counts: Record<string, any>, rejectsHref?: string, slim?: boolean}} props
 */
export function Accounting({ counts, rejectsHref, slim = false }) {
  const read = counts.rowsRead ?? 0;
  const parts = OUTCOMES.map(([key, name, colour]) => ({ name, colour, rows: Number(counts[key] ?? 0) }));
  const sentence = `${number(read)} rows read: ${parts.map(({ name, rows }) => `${number(rows)} ${name}`).join(", ")}`;
  return html`
    <div class=${slim ? "accounting slim" : "accounting"}>
      <div class="accounting-bar" role="img" aria-label=${sentence} title=${sentence}>
        ${parts.map(({ name, colour, rows }) => rows > 0 && html`<span key=${name} style=${{ flexGrow: rows, background: `var(${colour})` }}></span>`)}
      </div>
      ${!slim &&
      html`<ul class="accounting-parts">
        <li><strong class="figure">${number(read)}</strong> read =</li>
        ${parts.map(
          ({ name, colour, rows }) => html`
            <li key=${name} class=${rows === 0 && "soft"}><i style=${{ background: `var(${colour})` }} aria-hidden="true"></i>
              <strong class="figure">${number(rows)}</strong>${" "}
              ${name === "rejected" && rows > 0 && rejectsHref ? html`<a href=${rejectsHref}>rejected</a>` : name}</li>
          `,
        )}
      </ul>`}
    </div>
  `;
}

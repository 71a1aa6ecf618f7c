import { compact, counted, duration } from "../../lib/format.js";
import { html } from "../../lib/html.js";
import { Chart } from "../parts/chart.js";

const STEPS = [1, 2, 5, 10, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200, 21_600, 86_400, 172_800, 604_800];

/** Whole seconds, or more. @param {number} seconds */
export const age = (seconds) => (seconds < 60 ? `${Math.round(seconds)} s` : duration(seconds));

/** What got done, and the queue. @param {{points: any[], range: string}} props */
export function Charts({ points, range }) {
  const times = points.map((point) => Date.parse(point.at) / 1000);
  const of = (/** @type {string} */ label, /** @type {string} */ colour, /** @type {(point: any) => number} */ value) => ({ label, colour, values: points.map(value) });
  const finished = [
    of("done", "--loaded", (point) => point.finished.DONE),
    of("failed", "--rejected", (point) => point.finished.ERROR),
    of("cancelled", "--deduplicated", (point) => point.finished.CANCELLED),
  ];
  const rows = of("rows", "--accent", (point) => point.rowsLoaded);
  const depth = of("jobs", "--PENDING", (point) => point.queueDepth);
  const oldest = of("oldest", "--WAITING", (point) => point.queueAgeSeconds ?? 0);
  const sum = (/** @type {{values: number[]}} */ { values }) => values.reduce((one, other) => one + other, 0);
  const words = `The last ${range}: `;
  return html`
    <div class="charts">
      <${Chart} title="Finished jobs" summary=${words + finished.map((each) => `${sum(each)} ${each.label}`).join(", ")} times=${times} series=${finished} format=${compact} stacked />
      <${Chart} title="Rows loaded" summary=${words + counted(sum(rows), "row")} times=${times} series=${[rows]} format=${compact} stacked />
      <${Chart} title="Waiting jobs" summary=${`${words}at most ${Math.max(...depth.values)}`} times=${times} series=${[depth]} format=${compact} />
      <${Chart} title="Longest wait" summary=${`${words}at most ${age(Math.max(...oldest.values))}`} times=${times} series=${[oldest]} format=${age} steps=${STEPS} />
    </div>
  `;
}

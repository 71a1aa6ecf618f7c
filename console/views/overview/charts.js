import { compact, counted, duration } from "../../lib/format.js";
import { html, useMemo } from "../../lib/html.js";
import { Chart } from "../parts/chart.js";

const SECONDS = [1, 2, 5, 10, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200, 21_600, 43_200, 86_400, 172_800, 604_800];

/** Whole seconds, or more. @param {number} seconds */
export const age = (seconds) => (seconds < 60 ? `${Math.round(seconds)} s` : duration(seconds));

/** Throughput and the queue over a range. @param {{points: any[], words: string}} props `words`: the range, in a sentence */
export function Charts({ points, words }) {
  const { times, finished, rows, depth, oldest } = useMemo(() => seriesOf(points), [points]);
  const sums = finished.map(({ label, values }) => `${sum(values)} ${label}`).join(", ");
  const rowsSum = sum(rows[0].values);
  const [most, longest] = [depth, oldest].map(([each]) => Math.max(0, ...each.values.map((value) => value ?? 0)));
  const summary = { finished: `${words}: ${sums}`, rows: `${words}: ${counted(rowsSum, "row")}`, depth: `${words}: at most ${counted(most, "job")}`, oldest: `${words}: at most ${age(longest)}` };
  return html`
    <div class="charts">
      <${Chart} title="Finished jobs" summary=${summary.finished} times=${times} series=${finished} format=${compact} stacked />
      <${Chart} title="Rows loaded" summary=${summary.rows} times=${times} series=${rows} format=${compact} stacked />
      <${Chart} title="Waiting jobs" summary=${summary.depth} times=${times} series=${depth} format=${compact} />
      <${Chart} title="Longest wait" summary=${summary.oldest} times=${times} series=${oldest} format=${age} steps=${SECONDS} />
    </div>
  `;
}

/** @param {(number | null)[]} values */
const sum = (values) => values.reduce((/** @type {number} */ so, value) => so + (value ?? 0), 0);

/** @param {any[]} points */
function seriesOf(points) {
  const bars = /** @type {const} */ ("bars");
  const of = (/** @type {string} */ label, /** @type {string} */ colour, /** @type {(point: any) => number} */ value) => ({ label, colour, values: points.map(value) });
  return {
    times: points.map((point) => Date.parse(point.at) / 1000),
    finished: [
      { ...of("done", "--loaded", (point) => point.finished.DONE), kind: bars },
      { ...of("failed", "--rejected", (point) => point.finished.ERROR), kind: bars },
      { ...of("cancelled", "--deduplicated", (point) => point.finished.CANCELLED), kind: bars },
    ],
    rows: [{ ...of("rows", "--accent", (point) => point.rowsLoaded), kind: bars }],
    depth: [of("jobs", "--PENDING", (point) => point.queueDepth)],
    oldest: [of("oldest", "--WAITING", (point) => point.queueAgeSeconds ?? 0)],
  };
}

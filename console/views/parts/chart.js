import { moment } from "../../lib/format.js";
import { html, useEffect, useRef, useState } from "../../lib/html.js";

/** @typedef {{label: string, colour: string, values: (number | null)[], kind?: "bars" | "area"}} Series `colour` is a custom property. */

const HEIGHT = 150;
const HOURS = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const DAYS = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric" });
/** Things that are counted have no halves. */
const WHOLE = Array.from({ length: 36 }, (_, index) => [1, 2, 5][index % 3] * 10 ** Math.floor(index / 3));

/**
 * A colour as a canvas understands it: what the stylesheet says, in the theme that is in force at this place.
 * @param {HTMLElement} box
 * @param {string} colour
 */
function resolved(box, colour) {
  const before = box.style.color;
  box.style.color = colour;
  const found = getComputedStyle(box).color;
  box.style.color = before;
  return found;
}

/** Midnight is told as the day that begins. @param {number} seconds */
function tick(seconds) {
  const date = new Date(seconds * 1000);
  return date.getHours() + date.getMinutes() === 0 ? DAYS.format(date) : HOURS.format(date);
}

/** Half of a stretch, or the first and the last bar would be cut. @param {number[]} times */
const room = (times) => (times.length > 1 ? (times[1] - times[0]) / 2 : 30);

/**
 * What the chart library is told. Colours are those of the theme now.
 * @param {Series[]} series
 * @param {{format: (value: number) => string, steps?: number[], box: HTMLElement, paths: any, onPoint: (index: number | null) => void}} how
 */
function optionsOf(series, { format, steps = WHOLE, box, paths, onPoint }) {
  const axis = { stroke: resolved(box, "var(--soft)"), font: `11px ${getComputedStyle(document.body).fontFamily}`, ticks: { show: false } };
  const grid = { stroke: resolved(box, "var(--line)"), width: 1 };
  return {
    width: box.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    cursor: { y: false, points: { size: 6 }, drag: { x: false, y: false } },
    scales: {
      x: { range: (/** @type {any} */ plot, /** @type {number} */ low, /** @type {number} */ high) => [low - room(plot.data[0]), high + room(plot.data[0])] },
      y: { range: (/** @type {any} */ _, /** @type {number} */ _low, /** @type {number} */ high) => [0, high > 0 ? high * 1.08 : 1] },
    },
    axes: [
      { ...axis, grid: { show: false }, space: 64, size: 28, values: (/** @type {any} */ _, /** @type {number[]} */ values) => values.map(tick) },
      { ...axis, grid, size: 48, space: 28, incrs: steps, values: (/** @type {any} */ _, /** @type {number[]} */ values) => values.map(format) },
    ],
    series: [
      {},
      ...series.map(({ label, colour, kind }) => {
        const stroke = resolved(box, `var(${colour})`);
        if (kind === "bars") return { label, stroke, fill: stroke, width: 0, points: { show: false }, paths: paths.bars({ size: [0.75, 24] }) };
        const fill = resolved(box, `color-mix(in srgb, var(${colour}) 14%, transparent)`);
        return { label, stroke, fill, width: 1.5, points: { show: false }, spanGaps: false };
      }),
    ],
    hooks: { setCursor: [(/** @type {any} */ plot) => onPoint(plot.cursor.idx ?? null)] },
  };
}

/**
 * Series that stand on each other, each as high as all up to it. The highest is drawn first, or it would hide the others.
 * @param {Series[]} series
 * @returns {Series[]}
 */
function stackOf(series) {
  /** @type {number[]} */
  const heights = [];
  const stack = series.map((each) => ({
    ...each,
    values: each.values.map((value, index) => {
      heights[index] = (heights[index] ?? 0) + (value ?? 0);
      return value ? heights[index] : null;
    }),
  }));
  return stack.reverse();
}

/**
 * Values over time, bars on each other if `stacked`. It says in words what it shows; the values at the pointer, or at the
 * point that the arrow keys have come to, stand beside the names. Without either they are the sums of the stacked, or the last.
 * @param {{title: string, summary: string, times: number[], series: Series[], format?: (value: number) => string, stacked?: boolean, steps?: number[]}} props
 *   `times` in seconds since 1970, `steps` the distances that the lines across may have
 */
export function Chart({ title, summary, times, series, format = String, stacked = false, steps }) {
  const place = useRef(/** @type {HTMLDivElement | null} */ (null));
  const plot = useRef(/** @type {any} */ (null));
  const [point, setPoint] = useState(/** @type {number | null} */ (null));
  const drawn = stacked ? stackOf(series) : series;
  const data = [times, ...drawn.map((each) => each.values)];
  const latest = useRef({ drawn, data, format, steps });
  latest.current = { drawn, data, format, steps };
  useEffect(() => whileShown(place, plot, () => latest.current, setPoint), []);
  useEffect(() => plot.current?.setData(data), [times, series]);

  const index = point === null ? times.length - 1 : Math.min(point, times.length - 1);
  const sumOf = (/** @type {Series} */ each) => each.values.reduce((/** @type {number} */ sum, value) => sum + (value ?? 0), 0);
  const shown = series.map((each) => ({ ...each, value: stacked && point === null ? sumOf(each) : each.values[index] }));
  const at = times.length > 0 ? moment(times[index] * 1000) : "";
  const words = shown.map(({ label, value }) => `${label} ${textOf(value, format)}`).join(", ");
  const move = (/** @type {KeyboardEvent} */ event) => {
    const last = times.length - 1;
    /** @type {Record<string, number>} */
    const ways = { ArrowLeft: index - 1, ArrowRight: index + 1, PageUp: index - 10, PageDown: index + 10, Home: 0, End: last };
    if (!(event.key in ways) || !plot.current) return;
    event.preventDefault();
    const to = Math.max(0, Math.min(last, ways[event.key]));
    plot.current.setCursor({ left: plot.current.valToPos(times[to], "x"), top: 0 });
  };
  return html`
    <figure class="chart sheet">
      <figcaption><strong>${title}</strong>
        <span class="legend" aria-hidden="true">${point !== null && html`<span class="figure">${at}</span>`}
          ${shown.map(({ label, colour, value }) => html`<span key=${label}><i style=${{ background: `var(${colour})` }}></i>${label} <b class="figure">${textOf(value, format)}</b></span>`)}
        </span>
      </figcaption>
      <div ref=${place} class="plot" role="slider" tabindex="0" aria-readonly="true" aria-label=${`${title}. ${summary}`} aria-valuemin="0"
        aria-valuemax=${Math.max(0, times.length - 1)} aria-valuenow=${Math.max(0, index)} aria-valuetext=${`${at}: ${words}`}
        onKeyDown=${move} onBlur=${() => plot.current?.setCursor({ left: -10, top: -10 })}></div>
    </figure>
  `;
}

/** @param {number | null | undefined} value @param {(value: number) => string} format */
const textOf = (value, format) => (value === null || value === undefined ? "–" : format(value));

/**
 * Draw in a place for as long as it is there: anew when the theme changes, and as wide as it becomes.
 * @param {{current: HTMLDivElement | null}} place
 * @param {{current: any}} plot
 * @param {() => {drawn: Series[], data: any[], format: (value: number) => string, steps?: number[]}} latest
 * @param {(index: number | null) => void} onPoint
 * @returns {() => void} ends it
 */
function whileShown(place, plot, latest, onPoint) {
  let isHere = true;
  let draw = () => {};
  import("uplot").then(({ default: Plot }) => {
    if (!isHere || !place.current) return;
    const box = place.current;
    draw = () => {
      plot.current?.destroy();
      const { drawn, data, steps } = latest();
      const how = { steps, box, onPoint, paths: Plot.paths, format: (/** @type {number} */ value) => latest().format(value) };
      plot.current = new Plot(/** @type {any} */ (optionsOf(drawn, how)), /** @type {any} */ (data), box);
    };
    draw();
  });
  const sized = new ResizeObserver(() => plot.current?.setSize({ width: place.current?.clientWidth ?? 0, height: HEIGHT }));
  if (place.current) sized.observe(place.current);
  const themed = new MutationObserver(() => draw());
  themed.observe(document.documentElement, { attributeFilter: ["data-theme"] });
  const system = matchMedia("(prefers-color-scheme: dark)");
  const redraw = () => draw();
  system.addEventListener("change", redraw);
  return () => {
    isHere = false;
    sized.disconnect();
    themed.disconnect();
    system.removeEventListener("change", redraw);
    plot.current?.destroy();
    plot.current = null;
  };
}

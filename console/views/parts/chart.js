import { moment } from "../../lib/format.js";
import { html, useState } from "../../lib/html.js";

/** @typedef {{label: string, colour: string, values: (number | null)[]}} Series `colour` is a custom property. */
/** @typedef {(number | null)[]} Values */

const HOURS = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const DAYS = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric" });
const DAY = 86_400;
const BETWEEN_TIMES = [300, 900, 1_800, 3_600, 10_800, 21_600, DAY, 2 * DAY, 7 * DAY];
/** What is counted has no halves. */
const WHOLE = Array.from({ length: 36 }, (_, index) => [1, 2, 5][index % 3] * 10 ** Math.floor(index / 3));

/** Stretches at whose beginning a time stands, about six of them, on the reader's clock. @param {number[]} times */
function marks(times) {
  const between = BETWEEN_TIMES.find((each) => (times[times.length - 1] - times[0]) / each <= 6) ?? 30 * DAY;
  const turn = (/** @type {number} */ time) => Math.floor((time - new Date(time * 1000).getTimezoneOffset() * 60) / between);
  const text = (/** @type {number} */ time) => {
    const date = new Date(time * 1000);
    return (date.getHours() + date.getMinutes() === 0 ? DAYS : HOURS).format(date);
  };
  return times.flatMap((time, index) => (index > 0 && turn(time) !== turn(times[index - 1]) ? [{ index, text: text(time) }] : []));
}

/** Each as high as all up to it, the highest first: drawn last it would hide the others. @param {Values[]} all @returns {Values[]} */
const stackOf = (all) => all.map((values, n) => values.map((value, at) => value && all.slice(0, n + 1).reduce((sum, each) => sum + (each[at] ?? 0), 0)));

/** @param {Values} values @param {(value: number) => string} y */
const barsOf = (values, y) => values.map((value, at) => (value ? `M${at + 0.12} 100V${y(value)}h.76V100` : "")).join("");

/** @param {Values} values @param {(value: number) => string} y */
const lineOf = (values, y) => values.map((value, at) => `${at === 0 || values[at - 1] === null ? "M" : "L"}${at + 0.5} ${y(value ?? 0)}`).join("");

/**
 * Values over time in equal stretches: bars on each other if `stacked`, else lines. It says in words what it shows. The
 * values at the pointer, or where the arrow keys have come to, stand beside the names; without either the sums of what is
 * stacked, or the last values.
 * @param {{title: string, summary: string, times: number[], series: Series[], format?: (value: number) => string, stacked?: boolean, steps?: number[]}} props
 *   `times` in seconds since 1970, `steps` the distances that the lines across may have
 */
export function Chart({ title, summary, times, series, format = String, stacked = false, steps = WHOLE }) {
  const [point, setPoint] = useState(/** @type {number | null} */ (null));
  const own = series.map((each) => each.values);
  const drawn = stacked ? stackOf(own) : own;
  const high = Math.max(0, ...drawn.flat().map(Number));
  const step = steps.find((each) => high / each <= 4) ?? high / 4;
  const top = Math.max(high * 1.05, step);
  const lines = Array.from({ length: Math.floor(top / step) + 1 }, (_, index) => index * step);
  const y = (/** @type {number} */ value) => (100 - (value / top) * 100).toFixed(2);
  const last = times.length - 1;
  const index = Math.min(point ?? last, last);
  const at = times.length > 0 ? moment(times[index] * 1000) : "";
  const texts = series.map(({ values }) => {
    const value = stacked && point === null ? values.reduce((/** @type {number} */ sum, each) => sum + (each ?? 0), 0) : values[index];
    return value === null || value === undefined ? "–" : format(value);
  });
  const press = (/** @type {KeyboardEvent} */ event) => {
    const step = /** @type {Record<string, number>} */ ({ ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity })[event.key];
    if (!step) return;
    event.preventDefault();
    setPoint((now) => Math.max(0, Math.min(last, (now ?? last) + step)));
  };
  const hover = (/** @type {any} */ event) => {
    const { left, width } = event.currentTarget.getBoundingClientRect();
    setPoint(Math.max(0, Math.min(last, Math.floor(((event.clientX - left) / width) * times.length))));
  };
  const paint = drawn.map((values, n) => {
    const colour = `var(${series[n].colour})`;
    if (stacked) return html`<path d=${barsOf(values, y)} style=${{ fill: colour }} />`;
    const line = lineOf(values, y);
    return html`<path d=${`${line}V100H.5Z`} style=${{ fill: colour, opacity: 0.14 }} /><path class="line" d=${line} style=${{ stroke: colour }} />`;
  });
  return html`
    <figure class="chart sheet">
      <figcaption><strong>${title}</strong>
        <span class="legend" aria-hidden="true">${point !== null && html`<span class="figure">${at}</span>`}
          ${series.map(({ label, colour }, n) => html`<span key=${label}><i style=${{ background: `var(${colour})` }}></i>${label} <b class="figure">${texts[n]}</b></span>`)}</span>
      </figcaption>
      <div class="plot" role="slider" tabindex="0" aria-readonly="true" aria-label=${`${title}. ${summary}`} aria-valuemin="0" aria-valuemax=${Math.max(0, last)} aria-valuenow=${Math.max(0, index)}
        aria-valuetext=${`${at}: ${series.map(({ label }, n) => `${label} ${texts[n]}`).join(", ")}`} onKeyDown=${press} onBlur=${() => setPoint(null)} onPointerMove=${hover} onPointerLeave=${() => setPoint(null)}>
        <svg viewBox=${`0 0 ${Math.max(1, times.length)} 100`} preserveAspectRatio="none" aria-hidden="true">
          <path class="across" d=${lines.map((value) => `M0 ${y(value)}H${times.length}`).join("")} />
          ${point !== null && html`<path class="at" d=${`M${index + 0.5} 0V100`} />`}${stacked ? paint.reverse() : paint}
        </svg>
        <div aria-hidden="true">
          ${lines.map((value) => html`<span class="up" style=${{ top: `${y(value)}%` }}>${format(value)}</span>`)}
          ${marks(times).map((mark) => html`<span class="along" style=${{ left: `${(mark.index / times.length) * 100}%` }}>${mark.text}</span>`)}
        </div>
      </div>
    </figure>
  `;
}

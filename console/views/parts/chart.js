import { moment } from "format";
import { html, useState } from "html";

/** `colour` is a custom property, `whole` what holds for all the time. @typedef {{label: string, colour: string, values: number[], whole: number}} Series */

const DAY = 86_400;
/** What is counted has no halves. */
const WHOLE = Array.from({ length: 36 }, (_, index) => [1, 2, 5][index % 3] * 10 ** Math.floor(index / 3));

/** Where a time stands below: at the beginning of each stretch of `between` seconds on the reader's clock. @param {number[]} times @param {number} between */
function marksOf(times, between) {
  const turnOf = (/** @type {number} */ time) => Math.floor((time - new Date(time * 1000).getTimezoneOffset() * 60) / between);
  /** @type {Intl.DateTimeFormatOptions} */
  const form = between < DAY ? { hour: "2-digit", minute: "2-digit" } : { month: "short", day: "numeric" };
  return times
    .map((time, index) => ({ index, text: new Date(time * 1000).toLocaleString(undefined, form) }))
    .filter(({ index }) => index > 0 && turnOf(times[index]) !== turnOf(times[index - 1]));
}

/**
 * Values over time in equal stretches, as bars on each other. Its name says in words what it shows. The values at the
 * pointer, or where the arrow keys have come to, stand beside the names; without either those of all the time.
 * @param {{title: string, over: string, times: number[], between: number, series: Series[], format: (value: number) => string, steps?: number[]}} props
 *   `times` in seconds since 1970, `between` the seconds from one that is told to the next, `steps` the distances that the
 *   lines across may have
 */
export function Chart({ title, over, times, between, series, format, steps = WHOLE }) {
  const [point, setPoint] = useState(/** @type {number | null} */ (null));
  const tops = series.map((_, n) => times.map((_, at) => series.slice(0, n + 1).reduce((sum, { values }) => sum + values[at], 0)));
  const high = Math.max(...tops[tops.length - 1]);
  const step = steps.find((each) => high / each <= 4) ?? high / 4;
  const top = Math.max(high * 1.05, step);
  const lines = Array.from({ length: Math.floor(top / step) + 1 }, (_, index) => index * step);
  const y = (/** @type {number} */ value) => (100 - (value / top) * 100).toFixed(2);
  const last = times.length - 1;
  const index = Math.min(point ?? last, last);
  const at = moment(times[index] * 1000);
  const told = (/** @type {Series} */ { values, whole }) => format(point === null ? whole : values[index]);
  const hover = (/** @type {any} */ event) => {
    const { left, width } = event.currentTarget.getBoundingClientRect();
    setPoint(Math.max(0, Math.min(last, Math.floor(((event.clientX - left) / width) * times.length))));
  };
  const bars = tops.map((values, n) => {
    const path = values.map((value, at) => (value ? `M${at + 0.12} 100V${y(value)}h.76V100` : "")).join("");
    return html`<path d=${path} style=${{ fill: `var(${series[n].colour})` }} />`;
  });
  return html`
    <figure class="chart sheet">
      <figcaption><strong>${title}</strong>
        <span class="legend" aria-hidden="true">${point !== null && html`<span class="figure">${at}</span>`}
          ${series.map((each) => html`<span><i style=${{ background: `var(${each.colour})` }}></i>${each.label} <b class="figure">${told(each)}</b></span>`)}</span>
      </figcaption>
      <div class="plot">
        <svg viewBox=${`0 0 ${times.length} 100`} preserveAspectRatio="none" aria-hidden="true">
          <path class="across" d=${lines.map((value) => `M0 ${y(value)}H${times.length}`).join("")} />
          ${point !== null && html`<path class="at" d=${`M${index + 0.5} 0V100`} />`}${bars.reverse()}
        </svg>
        <div aria-hidden="true">
          ${lines.map((value) => html`<span class="up" style=${{ top: `${y(value)}%` }}>${format(value)}</span>`)}
          ${marksOf(times, between).map((mark) => html`<span class="along" style=${{ left: `${(mark.index / times.length) * 100}%` }}>${mark.text}</span>`)}
        </div>
        <input type="range" max=${last} value=${index} aria-label=${`${title}. ${over}: ${series.map(({ label, whole }) => `${format(whole)} ${label}`).join(", ")}`}
          aria-valuetext=${`${at}: ${series.map((each) => `${each.label} ${told(each)}`).join(", ")}`} onInput=${(/** @type {any} */ event) => setPoint(Number(event.currentTarget.value))}
          onPointerMove=${hover} onPointerLeave=${() => setPoint(null)} onBlur=${() => setPoint(null)} />
      </div>
    </figure>
  `;
}

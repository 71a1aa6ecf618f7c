import { html, useEffect, useRef } from "../../lib/html.js";

/** @typedef {{label: string, colour: string, values: (number | null)[], kind?: "bars" | "area"}} Series `colour` is a custom property. */

const HEIGHT = 168;

/** @param {string} property */
const colourOf = (property) => getComputedStyle(document.documentElement).getPropertyValue(property).trim() || "gray";

/**
 * What the chart library is told. Colours are those of the theme now.
 * @param {Series[]} series
 * @param {(value: number) => string} format
 * @param {number} width
 * @param {any} paths the library's ways to draw
 */
function optionsOf(series, format, width, paths) {
  const axis = { stroke: colourOf("--soft"), font: `11px ${getComputedStyle(document.body).fontFamily}`, ticks: { show: false } };
  const grid = { stroke: colourOf("--line"), width: 1 };
  return {
    width,
    height: HEIGHT,
    legend: { show: false },
    cursor: { y: false, points: { size: 6 }, drag: { x: false, y: false } },
    scales: { y: { range: (/** @type {any} */ _, /** @type {number} */ _low, /** @type {number} */ high) => [0, high > 0 ? high * 1.08 : 1] } },
    axes: [
      { ...axis, grid: { show: false }, space: 70 },
      { ...axis, grid, size: 52, space: 34, values: (/** @type {any} */ _, /** @type {number[]} */ values) => values.map((value) => (value < 0 ? "" : format(value))) },
    ],
    series: [
      {},
      ...series.map(({ label, colour, kind }) => {
        const stroke = colourOf(colour);
        if (kind === "bars") return { label, stroke, fill: stroke, width: 0, points: { show: false }, paths: paths.bars({ size: [0.75, 24], radius: 0.15 }) };
        return { label, stroke, fill: `color-mix(in srgb, ${stroke} 14%, transparent)`, width: 1.5, points: { show: false }, spanGaps: true };
      }),
    ],
  };
}

/**
 * Values over time. Says in words what it shows, too; the numbers at the pointer are read out beside the names.
 * @param {{title: string, summary: string, times: number[], series: Series[], format?: (value: number) => string}} props `times` in seconds since 1970
 */
export function Chart({ title, summary, times, series, format = String }) {
  const place = useRef(/** @type {HTMLDivElement | null} */ (null));
  const plot = useRef(/** @type {any} */ (null));
  const latest = useRef({ times, series });
  latest.current = { times, series };
  useEffect(() => {
    let isHere = true;
    let draw = () => {};
    import("uplot").then(({ default: Plot }) => {
      if (!isHere || !place.current) return;
      draw = () => {
        plot.current?.destroy();
        const box = /** @type {HTMLDivElement} */ (place.current);
        const data = [latest.current.times, ...latest.current.series.map((each) => each.values)];
        plot.current = new Plot(/** @type {any} */ (optionsOf(latest.current.series, format, box.clientWidth, Plot.paths)), /** @type {any} */ (data), box);
      };
      draw();
    });
    const sized = new ResizeObserver(() => plot.current && place.current && plot.current.setSize({ width: place.current.clientWidth, height: HEIGHT }));
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
  }, []);
  useEffect(() => plot.current?.setData([times, ...series.map((each) => each.values)]), [times, series]);
  return html`
    <figure class="chart sheet">
      <figcaption><strong>${title}</strong>
        <span class="legend">${series.map(({ label, colour }) => html`<span key=${label}><i style=${{ background: `var(${colour})` }} aria-hidden="true"></i>${label}</span>`)}</span>
      </figcaption>
      <div ref=${place} class="plot" role="img" aria-label=${`${title}. ${summary}`}></div>
    </figure>
  `;
}

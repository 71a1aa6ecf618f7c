import { useApp } from "app";
import { counted } from "format";
import { html, useLayoutEffect, useMemo, useRef, useState } from "html";
import { Dialog, Empty, Grid, Time } from "parts";
import { LEVELS, lineOf, linesOf } from "../../models/job_log.js";

/** @typedef {import("stepmill/types").StreamEvent} StreamEvent */

const COLUMNS = ["Time", "Kind", "Step", "What"].map((text) => ({ key: text, text }));

/**
 * The job's log, or all of its events, as lines of one height, one in full when it is chosen. While `isLive`, the end is
 * kept in sight until one scrolls away from it.
 * @param {{events: StreamEvent[], isLive: boolean}} props
 */
export function Log({ events, isLive }) {
  const { route: { query }, router } = useApp();
  const { level = "debug", q = "" } = query;
  const items = useMemo(() => linesOf(events, { level, q }), [events.length, level, q]);
  const place = useRef(/** @type {HTMLDivElement | null} */ (null));
  const isFollowing = useRef(isLive);
  const [chosen, setChosen] = useState(/** @type {StreamEvent | null} */ (null));
  useLayoutEffect(() => {
    const grid = place.current?.querySelector(".grid");
    if (isFollowing.current && grid) grid.scrollTop = grid.scrollHeight;
  }, [items.length]);
  const onScroll = (/** @type {any} */ { target }) => {
    isFollowing.current = isLive && target.scrollHeight - target.scrollTop - target.clientHeight < 4;
  };
  const row = (/** @type {number} */ index) => {
    const { kind, step, text, fields } = lineOf(items[index]);
    const cells = [html`<${Time} at=${items[index].data.at} only="clock" />`, html`<span class=${`level-${kind}`}>${kind}</span>`, step, html`${text} <span class="soft">${fields}</span>`];
    return cells.map((cell) => html`<div role="gridcell">${cell}</div>`);
  };
  return html`
    <div class="line toolbar">
      <select aria-label="Least level" value=${level} onChange=${(event) => router.set({ level: event.target.value })}>
        <option value="all">every event</option>${LEVELS.map((each) => html`<option>${each}</option>`)}
      </select>
      <input type="search" aria-label="Search the log" placeholder="Search" value=${q} onInput=${(event) => router.set({ q: event.target.value })} />
      <span class="soft small" role="status">${counted(items.length, "line")}</span>
    </div>
    ${items.length === 0 && html`<${Empty} title=${q || query.level ? "There is no such line" : "Nothing is logged"} icon="menu">What the steps say about their work stands here.<//>`}
    <div ref=${place} onScrollCapture=${onScroll} hidden=${items.length === 0}>
      <${Grid} label="log" name="lines" count=${items.length} rowHeight=${28} columns=${COLUMNS} row=${row} item=${(index) => items[index]}
        rowKey=${(index) => items[index].id} onOpen=${(index) => setChosen(items[index])} />
    </div>
    ${chosen && html`<${Dialog} title="The chosen line" onClose=${() => setChosen(null)}><p class="whole">${chosen.data.message}</p><pre class="whole">${JSON.stringify(chosen, null, 2)}</pre><//>`}
  `;
}

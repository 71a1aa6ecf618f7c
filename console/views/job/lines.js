import { counted } from "../../lib/format.js";
import { html, useLayoutEffect, useRef, useState } from "../../lib/html.js";
import { Grid } from "../parts/grid.js";
import { Icon } from "../parts/icon.js";
import { Time } from "../parts/words.js";

/** @typedef {import("stepmill/types").StreamEvent} StreamEvent */

/**
 * Events as lines of one height, the chosen one in full below. While `isLive`, the end is kept in sight until one scrolls
 * away from it.
 * @param {object} props
 * @param {string} props.name
 * @param {string[]} props.heads
 * @param {StreamEvent[]} props.items
 * @param {(event: StreamEvent) => any[]} props.cells beside its time
 * @param {(event: StreamEvent) => any} props.detail
 * @param {boolean} props.isLive
 * @param {any} props.children filters
 */
export function Lines({ name, heads, items, cells, detail, isLive, children }) {
  const place = useRef(/** @type {HTMLDivElement | null} */ (null));
  const lastTop = useRef(0);
  const [isFollowing, setFollowing] = useState(isLive);
  const [chosen, setChosen] = useState(/** @type {StreamEvent | null} */ (null));
  useLayoutEffect(() => {
    const grid = place.current?.querySelector(".grid");
    if (isFollowing && grid) grid.scrollTop = grid.scrollHeight;
  }, [items.length, isFollowing]);
  const onScroll = (/** @type {any} */ { target }) => {
    const isAtEnd = target.scrollHeight - target.scrollTop - target.clientHeight < 4;
    if (isAtEnd ? isLive : target.scrollTop < lastTop.current) setFollowing(isAtEnd);
    lastTop.current = target.scrollTop;
  };
  const open = (/** @type {number} */ index) => setChosen(items[index]);
  const row = (/** @type {number} */ index) =>
    [html`<${Time} at=${items[index].data.at} only="clock" />`, ...cells(items[index])].map((cell) => html`<div role="gridcell" class=${items[index] === chosen ? "chosen" : ""}>${cell}</div>`);
  return html`
    <div class="line toolbar">
      ${children}<span class="soft small grow" role="status">${counted(items.length, "line")}</span>
      ${isLive && html`<label class="check"><input type="checkbox" checked=${isFollowing} onChange=${() => setFollowing(!isFollowing)} />Follow the end</label>`}
    </div>
    <div ref=${place} onScrollCapture=${onScroll}>
      <${Grid} label=${name} name=${name} count=${items.length} rowHeight=${28} columns=${["Time", ...heads].map((text) => ({ key: text, text }))}
        row=${row} item=${(/** @type {number} */ index) => items[index]} version=${chosen} rowKey=${(/** @type {number} */ index) => items[index].id} onOpen=${open} />
    </div>
    ${chosen &&
    html`<section class="line-detail flow" aria-label="The chosen line">
      <button class="quiet" aria-label="Close" onClick=${() => setChosen(null)}><${Icon} name="close" /></button>${detail(chosen)}
    </section>`}
  `;
}

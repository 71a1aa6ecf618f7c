import { html, useEffect, useLayoutEffect, useRef, useState } from "html";
import { rowsInSight, rowsMoved, rowsNext } from "../../lib/window.js";

const HEAD_HEIGHT = 34;
const SPARE = 5;
/** Without a scroll for so long, the rows are at rest. */
const REST_MS = 300;

/**
 * Rows without end: only those in sight are there. Arrow keys, Page Up and Down, Home and End move along the rows, Enter
 * or a click opens one, Space marks one (with Shift all from the last one on). The rows' cells stand in columns that the
 * class `name` gives (`grid-template-columns`).
 *
 * With `item` the cells of a row are drawn again only when its item is another object, or `version` another; with
 * `indexOf` what one reads stays where it is when rows come or go above it.
 * @param {object} props
 * @param {string} props.label
 * @param {string} props.name
 * @param {number} props.count
 * @param {number} [props.rowHeight]
 * @param {{key: string, text: any, className?: string}[]} props.columns where rows can be marked, the first is for the marks
 * @param {(index: number) => any} props.row the cells of a row, each with role "gridcell"; null while it is not there yet
 * @param {(index: number) => object | null | undefined} [props.item]
 * @param {unknown} [props.version]
 * @param {(index: number) => string | number} [props.rowKey]
 * @param {(key: any) => number} [props.indexOf] where the row of a key is now; -1 if it is gone
 * @param {(first: number, last: number) => void} [props.onSight]
 * @param {(index: number) => void} [props.onOpen]
 * @param {(index: number, isRange: boolean) => void} [props.onMark]
 * @param {(index: number) => boolean} [props.isMarked]
 */
export function Grid({ label, name, count, rowHeight = 36, columns, row, item, version, rowKey = (index) => index, indexOf, onSight, onOpen, onMark, isMarked }) {
  const scroller = useRef(/** @type {HTMLDivElement | null} */ (null));
  const place = useRef({ top: 0, height: 40 * rowHeight, shift: 0, begin: 0, rest: /** @type {any} */ (0), drawn: { first: 0, last: 0 }, shown: /** @type {[key: unknown, index: number][]} */ ([]) }).current;
  /** Where the keyboard is. Keys come faster than frames, so this is no state of the view. */
  const active = useRef(/** @type {{index: number, key: unknown} | null} */ (null));
  const [, draw] = useState({});

  const { top, height, shown, drawn } = place;
  const moved = indexOf && top > 0 ? rowsMoved(shown, indexOf) : 0;
  const inSight = (/** @type {number} */ spare, by = 0) => rowsInSight({ scrollTop: place.top + by * rowHeight, height: place.height, rowHeight, count, spare });
  const wanted = inSight(SPARE, moved);
  const nowAt = (/** @type {number} */ index) => Math.max(0, Math.min(count, index + moved));
  const sight = rowsNext({ first: nowAt(drawn.first), last: nowAt(drawn.last) }, wanted, inSight(0, moved));
  const shift = place.shift + moved;
  // A row keeps its element while it is in sight; one that comes takes the element of one that went.
  const slots = Math.max(Math.ceil(height / rowHeight) + 2 * SPARE + 1, sight.last - sight.first);
  // At rest the elements stand in the order of their rows, for who reads them one by one; to move them costs more than to
  // write in them.
  if (!place.rest) place.begin = modulo(sight.first - shift, slots);
  const placeOfActive = () => {
    const found = active.current && indexOf ? indexOf(active.current.key) : -1;
    return found >= 0 ? found : Math.min(active.current?.index ?? -1, count - 1);
  };
  const at = placeOfActive();

  const look = (isResized = false) => {
    const box = scroller.current;
    if (!box) return;
    place.top = box.scrollTop;
    if (isResized) place.height = box.clientHeight - HEAD_HEIGHT;
    if (!isSame(inSight(SPARE), sight) || place.height !== height) draw({});
    else place.shown = shownNow();
  };
  const onScroll = () => {
    clearTimeout(place.rest);
    place.rest = setTimeout(() => {
      place.rest = 0;
      draw({});
    }, REST_MS);
    look();
  };
  /** @returns {[unknown, number][]} the rows that one sees, to find them again */
  const shownNow = () => {
    const from = Math.min(count, Math.ceil(place.top / rowHeight));
    const to = Math.min(count, from + Math.ceil(place.height / rowHeight));
    return indexOf ? Array.from({ length: to - from }, (_, offset) => [rowKey(from + offset), from + offset]) : [];
  };
  useLayoutEffect(() => {
    const box = scroller.current;
    if (!box) return;
    if (moved !== 0) box.scrollTop = place.top = Math.max(0, top + moved * rowHeight);
    Object.assign(place, { shift, drawn: sight, shown: shownNow() });
    // Drawn from here it would be drawn at once.
    if (!isSame(wanted, sight)) setTimeout(() => draw({}));
  });
  const latest = useRef(look);
  latest.current = look;
  useEffect(() => {
    const observer = new ResizeObserver(() => latest.current(true));
    if (scroller.current) observer.observe(scroller.current);
    return () => observer.disconnect();
  }, []);
  useEffect(() => onSight?.(sight.first, sight.last), [sight.first, sight.last, count]);

  /** @param {number} index */
  function moveTo(index) {
    const box = /** @type {HTMLDivElement} */ (scroller.current);
    const next = Math.max(0, Math.min(count - 1, index));
    // Not by `place.height`: a key can come before the observer has told it.
    const low = (next + 1) * rowHeight - box.clientHeight + HEAD_HEIGHT;
    if (box.scrollTop < low) box.scrollTop = low;
    else if (box.scrollTop > next * rowHeight) box.scrollTop = next * rowHeight;
    activate(next);
  }

  /** @param {number} index */
  function activate(index) {
    active.current = { index, key: rowKey(index) };
    draw({});
  }

  /** @param {KeyboardEvent} event */
  function onKey(event) {
    if (event.target !== scroller.current || event.ctrlKey || event.metaKey || event.altKey || count === 0) return;
    const page = Math.max(1, Math.floor(place.height / rowHeight) - 1);
    const now = placeOfActive();
    /** @type {Record<string, () => void>} */
    const keys = {
      ArrowDown: () => moveTo(now + 1),
      ArrowUp: () => moveTo(now < 0 ? 0 : now - 1),
      PageDown: () => moveTo(Math.max(0, now) + page),
      PageUp: () => moveTo(now - page),
      Home: () => moveTo(0),
      End: () => moveTo(count - 1),
      Enter: () => now >= 0 && onOpen?.(now),
      " ": () => now >= 0 && onMark?.(now, event.shiftKey),
    };
    const act = keys[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  }

  /** @param {MouseEvent} event */
  function onClick(event) {
    const target = /** @type {Element} */ (event.target);
    const rowElement = target.closest(".grid-row");
    if (!rowElement) return;
    const index = Number(rowElement.getAttribute("aria-rowindex")) - 2;
    const isMark = onMark && target.closest(".grid-mark");
    activate(index);
    if (isMark) {
      scroller.current?.focus({ preventScroll: true });
      onMark(index, event.shiftKey);
    } else if (!target.closest("a, button, input") && getSelection()?.isCollapsed !== false) onOpen?.(index);
  }

  const rows = Array.from({ length: slots }, (_, offset) => {
    const slot = (place.begin + offset) % slots;
    const index = sight.first + modulo(slot + shift - sight.first, slots);
    return index < sight.last && html`<${Row} key=${slot} name=${name} index=${index} thing=${item?.(index)} version=${version} row=${row} isLive=${!item} rowHeight=${rowHeight}
      isActive=${index === at} isMarked=${onMark && Boolean(isMarked?.(index))} />`;
  });
  return html`
    <div ref=${scroller} class=${`grid ${name}`} role="grid" tabindex="0" aria-label=${label} aria-rowcount=${count + 1}
      aria-colcount=${columns.length} aria-activedescendant=${at >= sight.first && at < sight.last ? `${name}-${at}` : undefined} aria-multiselectable=${onMark ? "true" : undefined}
      onScroll=${onScroll} onKeyDown=${onKey} onClick=${onClick} onFocus=${(/** @type {FocusEvent} */ event) => event.target === scroller.current && placeOfActive() < 0 && count > 0 && activate(Math.min(count - 1, Math.ceil(top / rowHeight)))}>
      <div class="grid-head" role="row" aria-rowindex="1">
        ${columns.map((column) => html`<div key=${column.key} role="columnheader" class=${column.className ?? ""}>${column.text}</div>`)}
      </div>
      <div class="grid-body" role="rowgroup" style=${{ height: `${count * rowHeight}px` }}>${rows}</div>
    </div>
  `;
}

/** @param {number} value @param {number} by */
const modulo = (value, by) => ((value % by) + by) % by;

/** @param {{first: number, last: number}} one @param {{first: number, last: number}} other */
const isSame = (one, other) => one.first === other.first && one.last === other.last;

/**
 * One row, which is not drawn again while it would be the same.
 * @type {(this: any, props: {name: string, index: number, thing: unknown, version: unknown, row: (index: number) => any, isLive: boolean, rowHeight: number, isActive: boolean, isMarked: boolean | undefined}) => any}
 */
const Row = function ({ name, index, row, rowHeight, isActive, isMarked }) {
  this.shouldComponentUpdate = differs;
  return html`
    <div id=${`${name}-${index}`} role="row" aria-rowindex=${index + 2} class=${isActive ? "grid-row active" : "grid-row"}
      aria-selected=${isMarked?.toString()} style=${{ top: `${index * rowHeight}px`, height: `${rowHeight}px` }}>
      ${isMarked !== undefined && html`<div role="gridcell" class="grid-mark"><input type="checkbox" tabindex="-1" aria-label="Select" checked=${isMarked} /></div>`}
      ${row(index) ?? html`<div role="gridcell" class="grid-blank"></div>`}
    </div>
  `;
}

/** What rows are drawn by is a new function each time, which says nothing. @this {any} @param {any} next */
function differs(next) {
  return next.isLive || Object.keys(next).some((key) => key !== "row" && next[key] !== this.props[key]);
}

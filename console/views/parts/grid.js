import { rowsInSight } from "../../lib/window.js";
import { html, useEffect, useLayoutEffect, useRef, useState } from "../../lib/html.js";

const HEAD_HEIGHT = 34;

/**
 * Rows without end: only those in sight are there. Arrow keys, Page Up and Down, Home and End move along the rows, Enter
 * opens one, Space marks one. The rows' cells stand in columns that the class `name` gives (`grid-template-columns`).
 * @param {object} props
 * @param {string} props.label
 * @param {string} props.name
 * @param {number} props.count
 * @param {number} [props.rowHeight]
 * @param {{key: string, text: any, className?: string}[]} props.columns
 * @param {(index: number) => any} props.row the cells of a row, each with role "gridcell"; null while it is not there yet
 * @param {(index: number) => string | number} [props.rowKey]
 * @param {(first: number, last: number) => void} [props.onSight]
 * @param {(index: number) => void} [props.onOpen]
 * @param {(index: number) => void} [props.onMark]
 * @param {(index: number) => boolean} [props.isMarked]
 */
export function Grid({ label, name, count, rowHeight = 36, columns, row, rowKey = (index) => index, onSight, onOpen, onMark, isMarked }) {
  const scroller = useRef(/** @type {HTMLDivElement | null} */ (null));
  const [sight, setSight] = useState({ first: 0, last: Math.min(count, 40) });
  const [active, setActive] = useState(-1);
  const place = (/** @type {number} */ index) => `${name}-${index}`;

  const look = () => {
    const box = scroller.current;
    if (!box) return;
    const next = rowsInSight({ scrollTop: box.scrollTop, height: box.clientHeight - HEAD_HEIGHT, rowHeight, count });
    setSight((now) => (now.first === next.first && now.last === next.last ? now : next));
  };
  useLayoutEffect(look, [count, rowHeight]);
  useEffect(() => {
    const observer = new ResizeObserver(look);
    if (scroller.current) observer.observe(scroller.current);
    return () => observer.disconnect();
  }, [count, rowHeight]);
  useEffect(() => onSight?.(sight.first, sight.last), [sight.first, sight.last, count]);

  /** @param {number} index */
  function moveTo(index) {
    const box = /** @type {HTMLDivElement} */ (scroller.current);
    const next = Math.max(0, Math.min(count - 1, index));
    const [top, room] = [next * rowHeight, box.clientHeight - HEAD_HEIGHT];
    if (top < box.scrollTop) box.scrollTop = top;
    else if (top + rowHeight > box.scrollTop + room) box.scrollTop = top + rowHeight - room;
    setActive(next);
  }

  /** @param {KeyboardEvent} event */
  function onKey(event) {
    if (event.target !== scroller.current || event.ctrlKey || event.metaKey || event.altKey || count === 0) return;
    const page = Math.max(1, Math.floor((scroller.current?.clientHeight ?? 400) / rowHeight) - 2);
    /** @type {Record<string, () => void>} */
    const keys = {
      ArrowDown: () => moveTo(active + 1),
      ArrowUp: () => moveTo(active < 0 ? 0 : active - 1),
      PageDown: () => moveTo(Math.max(0, active) + page),
      PageUp: () => moveTo(active - page),
      Home: () => moveTo(0),
      End: () => moveTo(count - 1),
      Enter: () => active >= 0 && onOpen?.(active),
      " ": () => active >= 0 && onMark?.(active),
    };
    const act = keys[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  }

  const indices = Array.from({ length: Math.max(0, sight.last - sight.first) }, (_, offset) => sight.first + offset);
  const isInSight = active >= sight.first && active < sight.last;
  return html`
    <div ref=${scroller} class=${`grid ${name}`} role="grid" tabindex="0" aria-label=${label} aria-rowcount=${count + 1}
      aria-colcount=${columns.length} aria-activedescendant=${isInSight ? place(active) : undefined} aria-multiselectable=${onMark ? "true" : undefined}
      onScroll=${look} onKeyDown=${onKey} onFocus=${() => active < 0 && count > 0 && setActive(sight.first)}>
      <div class="grid-head" role="row" aria-rowindex="1">
        ${columns.map((column) => html`<div key=${column.key} role="columnheader" class=${column.className ?? ""}>${column.text}</div>`)}
      </div>
      <div class="grid-body" role="rowgroup" style=${{ height: `${count * rowHeight}px` }}>
        ${indices.map(
          (index) => html`
            <div key=${rowKey(index)} id=${place(index)} role="row" aria-rowindex=${index + 2} class=${index === active ? "grid-row active" : "grid-row"}
              aria-selected=${onMark ? String(Boolean(isMarked?.(index))) : undefined} style=${{ transform: `translateY(${index * rowHeight}px)`, height: `${rowHeight}px` }}>
              ${row(index) ?? html`<div role="gridcell" class="grid-blank"></div>`}
            </div>
          `,
        )}
      </div>
    </div>
  `;
}

/**
 * Which rows are in sight, with some before and after them.
 * @param {{scrollTop: number, height: number, rowHeight: number, count: number, spare: number}} place
 * @returns {{first: number, last: number}} `last` is not in it
 */
export function rowsInSight({ scrollTop, height, rowHeight, count, spare }) {
  const top = Math.min(count, Math.floor(scrollTop / rowHeight));
  // One more, for where the first is cut: always as many, so that a row that comes finds one that goes.
  const last = Math.min(count, top + Math.ceil(height / rowHeight) + 1 + spare);
  return { first: Math.max(0, Math.min(top - spare, last)), last };
}

/** More rows than these that come in one frame take longer than the frame. */
const ROWS_A_FRAME = 2;

/**
 * What to draw next on the way from the rows that are drawn to those that are wanted: a few rows more in each frame, as
 * long as that leaves none out that one sees.
 * @param {{first: number, last: number}} drawn
 * @param {{first: number, last: number}} wanted
 * @param {{first: number, last: number}} seen
 */
export function rowsNext(drawn, wanted, seen) {
  const step = (/** @type {number} */ from, /** @type {number} */ to) => from + Math.max(-ROWS_A_FRAME, Math.min(ROWS_A_FRAME, to - from));
  const next = { first: step(drawn.first, wanted.first), last: step(drawn.last, wanted.last) };
  return next.first <= seen.first && next.last >= seen.last ? next : wanted;
}

/**
 * By how many rows what one sees has moved down since it was drawn: where the first of them that is still there is now.
 * @param {[key: unknown, index: number][]} shown
 * @param {(key: any) => number} indexOf -1 for one that is gone
 */
export function rowsMoved(shown, indexOf) {
  for (const [key, index] of shown) {
    const now = indexOf(key);
    if (now >= 0) return now - index;
  }
  return 0;
}

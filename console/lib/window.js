/**
 * Which of many rows of one height are in sight, with some before and after them, so that a scroll finds them drawn.
 * @param {{scrollTop: number, height: number, rowHeight: number, count: number, spare?: number}} place
 * @returns {{first: number, last: number}} `last` is not in it
 */
export function rowsInSight({ scrollTop, height, rowHeight, count, spare = 8 }) {
  const first = Math.max(0, Math.min(count, Math.floor(scrollTop / rowHeight)) - spare);
  const last = Math.min(count, Math.ceil((scrollTop + height) / rowHeight) + spare);
  return { first: Math.min(first, last), last };
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

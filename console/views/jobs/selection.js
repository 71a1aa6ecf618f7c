import { useRef, useState } from "html";

/** What is marked: these jobs, or all that the filters match. @typedef {{ids: Set<string>, isAll: boolean}} Marked */

/** @type {Marked} */
const NONE = { ids: new Set(), isAll: false };

/**
 * Marks in a list, and how they are changed.
 * @param {import("../../models/job_list.js").JobList} list
 */
export function useSelection(list) {
  // Keys come faster than frames, so this is no state of the view.
  const now = useRef({ marked: NONE, last: "" });
  const [, draw] = useState(0);
  const { marked } = now.current;
  const setMarked = (/** @type {Marked} */ marked) => {
    now.current.marked = marked;
    draw((turn) => turn + 1);
  };
  /** @param {number} index @param {boolean} isRange with all from the one marked last */
  function mark(index, isRange) {
    const row = list.rows[index];
    if (!row) return;
    const { marked, last } = now.current;
    // All but some can't be asked for. To take one out takes all out, so that nothing happens to it unseen.
    if (marked.isAll) return setMarked(NONE);
    const from = isRange ? list.indexOf(last) : -1;
    const span = from < 0 ? [row] : list.rows.slice(Math.min(from, index), Math.max(from, index) + 1);
    const ids = new Set(marked.ids);
    const isOn = from >= 0 || !ids.has(row.jobId);
    for (const { jobId } of span) if (isOn) ids.add(jobId);
      else ids.delete(jobId);
    now.current.last = row.jobId;
    setMarked({ ids, isAll: false });
  }
  return {
    ...marked,
    isAny: marked.isAll || marked.ids.size > 0,
    has: (/** @type {number} */ index) => marked.isAll || marked.ids.has(list.rows[index]?.jobId),
    mark,
    all: () => setMarked({ ids: new Set(), isAll: true }),
    clear: () => setMarked(NONE),
  };
}

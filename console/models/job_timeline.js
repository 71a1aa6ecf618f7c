/** An attempt at a step, or a wait before it. Times in ms since 1970; `to` is null while it lasts. @typedef {{kind: "run" | "wait", status: string, attempt: number, from: number, to: number | null, reason?: string, error?: any}} Bar */
/** @typedef {{name: string, bars: Bar[]}} Lane */
/** The time that is shown, and the pauses in it that get no more than `room`. @typedef {{from: number, to: number, room: number, cuts: {from: number, to: number}[]}} Axis */

/**
 * What each step did when: a lane with its attempts, and with what was waited for before each.
 * @param {import("stepmill/types").Job} job
 * @param {import("stepmill/types").StreamEvent[]} events
 * @returns {Lane[]}
 */
export function lanesOf(job, events) {
  const lanes = job.steps.map(({ name }) => /** @type {Lane} */ ({ name, bars: [] }));
  /** @type {Bar | null} */
  let wait = null;
  const waited = (/** @type {Bar[] | undefined} */ bars, /** @type {number} */ to) => {
    if (wait) bars?.push({ ...wait, to });
    wait = null;
  };
  for (const { event, data } of events) {
    const at = Date.parse(data.at);
    if (event === "step") {
      const bars = lanes.find(({ name }) => name === data.name)?.bars ?? [];
      const last = bars.at(-1);
      const from = Date.parse(data.startedAt);
      if (data.status === "RUNNING") {
        waited(bars, from);
        bars.push({ kind: "run", status: "RUNNING", attempt: data.attempt, from, to: null });
      } else if (last?.to === null) Object.assign(last, { status: data.status, to: Date.parse(data.finishedAt ?? data.at), reason: data.reason, error: data.error });
    } else if (event === "status") {
      const isWaiting = data.status === "PENDING" || (data.status === "RUNNING" && data.waiting);
      if (isWaiting ? wait?.reason !== data.reason : data.status !== "RUNNING") waited(nextLane(lanes)?.bars, at);
      if (isWaiting) wait ??= { kind: "wait", status: "PENDING", attempt: data.attempt, from: at, to: null, reason: data.reason };
    }
  }
  if (wait) nextLane(lanes)?.bars.push(wait);
  return lanes;
}

/** That of the step that is to run next. @param {Lane[]} lanes */
const nextLane = (lanes) => lanes.find(({ bars }) => bars.findLast(({ kind }) => kind === "run")?.status !== "DONE") ?? lanes.at(-1);

/**
 * The axis of all lanes. Where nothing runs for long it is cut short, so that what ran can be seen.
 * @param {Lane[]} lanes
 * @param {number} from
 * @param {number} to
 * @returns {Axis}
 */
export function axisOf(lanes, from, to) {
  const runs = lanes.flatMap(({ bars }) => bars.filter(({ kind }) => kind === "run")).sort((a, b) => a.from - b.from);
  const pauses = [];
  let [end, busy] = [from, 0];
  for (const run of [...runs, { from: to, to }]) {
    if (run.from > end) pauses.push({ from: end, to: run.from });
    const until = Math.max(end, run.to ?? to);
    busy += until - Math.max(end, run.from);
    end = until;
  }
  return { from, to, room: busy / 5, cuts: pauses.filter((pause) => busy > 0 && pause.to - pause.from > busy) };
}

/** How much of the axis there is before a time, in ms that are not cut. @param {Axis} axis @param {number} at */
function lengthOf({ from, cuts, room }, at) {
  const skipped = cuts.map((cut) => Math.min(1, Math.max(0, (at - cut.from) / (cut.to - cut.from))) * (cut.to - cut.from - room));
  return at - from - skipped.reduce((sum, each) => sum + each, 0);
}

/** Where on the axis a time is, in percent. @param {Axis} axis @param {number} at */
export const placeOf = (axis, at) => (100 * lengthOf(axis, Math.min(at, axis.to))) / (lengthOf(axis, axis.to) || 1);

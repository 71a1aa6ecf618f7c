import { duration } from "../lib/format.js";

/** An attempt at a step, or a wait before it. Times in ms since 1970; `to` is null while it lasts. @typedef {{kind: "run" | "wait", status: string, attempt: number, from: number, to: number | null, reason?: string, error?: any}} Bar */
/** @typedef {{name: string, bars: Bar[]}} Lane */
/** A part of the time axis, in percent. `isCut`: nothing ran for so long that it gets less room. @typedef {{from: number, to: number, left: number, width: number, isCut: boolean}} Stretch */

const TICKS_MS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 3e4, 6e4, 12e4, 3e5, 6e5, 12e5, 18e5, 36e5, 72e5, 144e5, 288e5, 864e5];
const LONG_PAUSE = 0.7;
const CUT_PAUSE = 0.2;

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
  for (const { event, data } of events) {
    const bars = event === "step" ? lanes.find(({ name }) => name === data.name)?.bars : undefined;
    const last = bars?.at(-1);
    if (bars && data.status === "RUNNING") {
      const from = Date.parse(data.startedAt);
      if (wait) bars.push({ ...wait, to: from });
      wait = null;
      bars.push({ kind: "run", status: "RUNNING", attempt: data.attempt, from, to: null });
    } else if (last?.kind === "run" && last.to === null) {
      Object.assign(last, { status: data.status, to: Date.parse(data.finishedAt ?? data.at), reason: data.reason, error: data.error });
    }
    if (event !== "status") continue;
    const at = Date.parse(data.at);
    const isWaiting = data.status === "PENDING" || (data.status === "RUNNING" && data.waiting);
    if (wait && (isWaiting ? wait.reason !== data.reason : data.status !== "RUNNING")) {
      nextLane(lanes)?.bars.push({ ...wait, to: at });
      wait = null;
    }
    if (isWaiting) wait ??= { kind: "wait", status: "PENDING", attempt: data.attempt, from: at, to: null, reason: data.reason };
  }
  for (const [index, { attempt, startedAt, finishedAt, status, error }] of job.steps.entries()) {
    const { bars } = lanes[index];
    if (!startedAt || bars.some((bar) => bar.kind === "run" && bar.attempt === attempt)) continue;
    bars.push({ kind: "run", status, attempt: attempt ?? 1, from: Date.parse(startedAt), to: finishedAt ? Date.parse(finishedAt) : null, error });
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
 * @returns {Stretch[]}
 */
export function axisOf(lanes, from, to) {
  const runs = lanes.flatMap(({ bars }) => bars.filter(({ kind }) => kind === "run")).sort((a, b) => a.from - b.from);
  const pauses = [];
  let [end, busy] = [from, 0];
  for (const run of [...runs, { from: to, to }]) {
    if (run.from > end) pauses.push({ from: end, to: run.from });
    busy += Math.max(0, (run.to ?? to) - Math.max(end, run.from));
    end = Math.max(end, run.to ?? to);
  }
  const parts = [];
  let place = from;
  for (const cut of [...pauses.filter((pause) => busy > 0 && pause.to - pause.from > LONG_PAUSE * busy), { from: to, to }]) {
    parts.push({ from: place, to: cut.from, weight: cut.from - place, isCut: false }, { ...cut, weight: CUT_PAUSE * busy, isCut: true });
    place = cut.to;
  }
  const shown = parts.filter((part) => part.to > part.from);
  const total = shown.reduce((sum, { weight }) => sum + weight, 0);
  let left = 0;
  return shown.map(({ weight, ...part }) => {
    const width = (100 * weight) / total;
    left += width;
    return { ...part, left: left - width, width };
  });
}

/** Where on the axis a time is, in percent. @param {Stretch[]} axis @param {number} at */
export function placeOf(axis, at) {
  const part = axis.find(({ to }) => at <= to) ?? axis.at(-1);
  return part ? part.left + part.width * Math.min(1, Math.max(0, (at - part.from) / (part.to - part.from))) : 0;
}

/** Times since the beginning to name on the axis, as far as it is not cut. @param {Stretch[]} axis */
export function ticksOf([first]) {
  if (!first || first.isCut) return [];
  const length = first.to - first.from;
  const room = Math.max(1, Math.floor(first.width / 17));
  const step = TICKS_MS.find((each) => each * room >= length) ?? Math.ceil(length / room / 864e5) * 864e5;
  return Array.from({ length: Math.floor(length / step) + 1 }, (_, index) => {
    return { at: (first.width * index * step) / length, text: index ? duration((index * step) / 1000).replace(".0 ", " ") : "0" };
  }).filter(({ at }) => at < 96);
}

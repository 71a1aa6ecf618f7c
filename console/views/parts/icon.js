import { html } from "../../lib/html.js";

/** Each a path in a square of 16, drawn as a line. */
const PATHS = {
  overview: "M2 13V8m4 5V4m4 9V6m4 7V2",
  jobs: "M2 4h12M2 8h12M2 12h8",
  areas: "M2 4.5h4l1.5 2H14v6H2z",
  tables: "M2 3h12v10H2zM2 6.5h12M6.5 6.5V13",
  workers: "M4 4h8v8H4zM6.5 1.5V4m3-2.5V4m-3 8v2.5m3-2.5v2.5M1.5 6.5H4m-2.5 3H4m8-3h2.5m-2.5 3h2.5",
  search: "M7 2.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9M10.5 10.5 14 14",
  close: "m4 4 8 8m0-8-8 8",
  more: "m6 4 4 4-4 4",
  down: "m4 6 4 4 4-4",
  upload: "M8 11V3m-3 3 3-3 3 3M3 13h10",
  retry: "M13 8a5 5 0 1 1-1.5-3.5M13 2v3h-3",
  stop: "M4 4h8v8H4z",
  check: "m3 8.5 3.5 3.5L13 5",
  warning: "M8 2.5 14 13H2zM8 6.5v3m0 1.7v.3",
  theme: "M8 2a6 6 0 1 0 0 12zM8 2a6 6 0 0 1 0 12",
  plus: "M8 3v10M3 8h10",
  external: "M6 3H3v10h10v-3M9 3h4v4m0-4L7.5 8.5",
  menu: "M2 4h12M2 8h12M2 12h12",
  file: "M4 2h5l3 3v9H4zM9 2v3h3",
  clock: "M8 2a6 6 0 1 1 0 12A6 6 0 0 1 8 2m0 3v3.2l2 1.3",
};

/** A picture beside a word. It says nothing that the word does not. @param {{name: keyof typeof PATHS}} props */
export const Icon = ({ name }) => html`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false"><path d=${PATHS[name]} /></svg>`;

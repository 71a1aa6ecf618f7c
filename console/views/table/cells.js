import { html } from "../../lib/html.js";

/** @typedef {import("stepmill/types").Table["columns"][number]} Column */

/** @param {string} type */
export const isNumber = (type) => ["integer", "numeric", "double"].includes(type);

/** A value as it is in the table: times are in UTC, since they are data. @param {unknown} value @param {number} [indent] */
export const textOf = (value, indent) => (value !== null && typeof value === "object" ? JSON.stringify(value, null, indent) : String(value));

/** As it is shown: nothing is told from an empty text. @param {unknown} value @param {number} [indent] */
export const shown = (value, indent) => (value === null || value === undefined ? html`<i class="soft">null</i>` : value === "" ? html`<i class="soft">empty</i>` : textOf(value, indent));

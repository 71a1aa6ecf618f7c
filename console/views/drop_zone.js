import { html } from "../lib/html.js";
/** Files may be dropped anywhere. */
export const DropZone = () => html``;

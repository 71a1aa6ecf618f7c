import { html } from "../lib/html.js";
/** The files that are on their way. */
export const UploadTray = () => html``;

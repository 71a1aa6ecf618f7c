import { html } from "../lib/html.js";
import { Dialog } from "./parts/controls.js";
/** @param {{onClose: () => void}} props */
export const Palette = ({ onClose }) => html`<${Dialog} title="Go to" onClose=${onClose}><//>`;

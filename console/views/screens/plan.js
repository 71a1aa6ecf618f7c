import { html } from "../../lib/html.js";
import { Page } from "../parts/page.js";

export const Screen = () => html`<${Page} title="plan"><//>`;

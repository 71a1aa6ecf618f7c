import { html } from "html";

/** @typedef {{message: string, column?: string | null}} Finding */

const SHOWN = 4;

/** What is good to know; of many the rest is folded. @param {{findings: Finding[], tone?: string}} props */
export const Findings = ({ findings, tone = "WAITING" }) =>
  findings.length > 0 &&
  html`<div class=${`hint ${tone}`}>${listOf(findings.slice(0, SHOWN))}
    ${findings.length > SHOWN && html`<details><summary>${findings.length - SHOWN} more</summary>${listOf(findings.slice(SHOWN))}</details>`}</div>`;

/** @param {Finding[]} findings */
export const listOf = (findings) => html`<ul>${findings.map(({ message, column }) => html`<li>${column && html`<strong>${column}:</strong> `}${message}</li>`)}</ul>`;

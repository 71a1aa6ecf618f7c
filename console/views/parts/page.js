import { html, useEffect } from "../../lib/html.js";

/**
 * A screen: its title, which is the window's too, what one can do here, and its content.
 * @param {{title: string, kicker?: any, subtitle?: any, actions?: any, children: any}} props
 */
export function Page({ title, kicker, subtitle, actions, children }) {
  useEffect(() => {
    document.title = `${title} · Stepmill`;
  }, [title]);
  return html`
    <div class="page-head">
      <div class="page-title">
        ${kicker && html`<p class="kicker">${kicker}</p>`}
        <h1 tabindex="-1">${title}</h1>
        ${subtitle && html`<div class="subtitle">${subtitle}</div>`}
      </div>
      ${actions && html`<div class="actions">${actions}</div>`}
    </div>
    ${children}
  `;
}

/** A part of a screen, with a heading. @param {{title: any, id?: string, aside?: any, children: any}} props */
export const Section = ({ title, id, aside, children }) => html`
  <section class="section" aria-labelledby=${id}>
    <header><h2 id=${id}>${title}</h2>${aside && html`<div class="aside">${aside}</div>`}</header>
    ${children}
  </section>
`;

/** Names with their values. @param {{items: [name: any, value: any][]}} props */
export const Facts = ({ items }) => html`
  <dl class="facts">
    ${items.filter(([, value]) => (value ?? false) !== false).map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}
  </dl>
`;

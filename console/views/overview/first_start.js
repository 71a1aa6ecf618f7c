import { html } from "../../lib/html.js";
import { useApp } from "../app.js";
import { chooseFiles } from "../choose_files.js";
import { Icon } from "../parts/icon.js";

/** No job has ever run here: three ways to a first table. */
export function FirstStart() {
  const { links, session, uploads } = useApp();
  const command = (/** @type {string} */ name, /** @type {string} */ text) => html`<pre class="command" tabindex="0" role="region" aria-label=${name}><code>${text}</code></pre>`;
  return html`
    <p class="lead">A file becomes a typed PostgreSQL table, with every row accounted for. Nothing has run here yet; three ways to begin:</p>
    <ol class="ways">
      <li class="sheet pad"><h2>Drop a file anywhere</h2><p>CSV or JSON, compressed or not, on any screen. You watch it load.</p>
        ${session.may("operator") && html`<button type="button" class="primary" onClick=${() => chooseFiles(uploads)}><${Icon} name="upload" />Choose files</button>`}</li>
      <li class="sheet pad"><h2>By the command line</h2><p>Where <code>stepmill</code> and your <code>STEPMILL_TOKEN</code> are:</p>${command("Command", links.loadByCommand())}</li>
      <li class="sheet pad"><h2>By HTTP</h2><p>An area holds the files of one table; a job loads one of them. <a href=${links.api()}>All calls</a></p>${command("Calls", links.loadByHttp())}</li>
    </ol>
  `;
}

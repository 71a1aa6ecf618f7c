import { html } from "../../lib/html.js";
import { loadByCommand, loadByHttp } from "../../models/first_commands.js";
import { chooseFiles } from "../choose_files.js";
import { useApp } from "../app.js";
import { Icon } from "../parts/icon.js";
import { Command } from "./command.js";

/** No job has ever run here: three ways to a first table. */
export function FirstStart() {
  const { envId, session, uploads } = useApp();
  return html`
    <p class="lead">A file becomes a typed PostgreSQL table: Stepmill works out how it is read, writes a plan that you can change, and accounts for every row. Nothing has run here yet. Three ways to begin:</p>
    <ol class="ways">
      <li class="sheet pad">
        <h2>Drop a file anywhere</h2>
        <p>A CSV or JSON file, also compressed, on any screen. You watch it load.</p>
        ${session.may("operator") && html`<button type="button" class="primary" onClick=${() => chooseFiles(uploads)}><${Icon} name="upload" />Choose files</button>`}
      </li>
      <li class="sheet pad">
        <h2>By the command line</h2>
        <p>Where <code>stepmill</code> is installed and <code>STEPMILL_TOKEN</code> is set:</p>
        <${Command} text=${loadByCommand(envId)} />
      </li>
      <li class="sheet pad">
        <h2>By HTTP</h2>
        <p>An area holds files that go to one table; a job loads a file of it:</p>
        <${Command} text=${loadByHttp(location.origin, envId)} />
      </li>
    </ol>
  `;
}

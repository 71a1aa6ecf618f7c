import { html, useEffect } from "../lib/html.js";

/** Nobody is signed in. */
export function SignIn() {
  useEffect(() => {
    document.title = "Sign in · Stepmill";
  }, []);
  return html`
    <main class="lone flow">
      <img src="/static/icon.svg" alt="" width="40" height="40" />
      <h1>Sign in</h1>
      <p>Open the link that <code>stepmill serve</code> printed. It is good once; <code>stepmill link</code> prints another.</p>
    </main>
  `;
}

import { AppContext, useModel } from "app";
import { html, useEffect, useErrorBoundary, useMemo, useRef, useState } from "html";
import { Empty, Failure, Skeleton } from "parts";
import { Links } from "../lib/links.js";
import { Header, Navigation } from "./header.js";
import { Banner, NoticeList } from "./notices.js";
import { Palette } from "./palette.js";
import { DropZone, UploadTray } from "./uploads.js";

/** The frame around every screen. @param {Omit<import("./app.js").App, "links" | "envId" | "route">} props */
export function Shell(props) {
  const { session, connection, router } = props;
  useModel(session);
  const { route } = useModel(router);
  const envId = route.query.env ?? "default";
  const links = useMemo(() => new Links(envId), [envId]);
  const isKnown = session.environments.some((each) => each.envId === envId);
  const isReady = session.state === "ready" && isKnown;
  useEffect(() => {
    if (!isReady) return undefined;
    connection.open(envId);
    return () => connection.close();
  }, [isReady, envId]);
  useEffect(keepFocus, []);
  const [isPaletteOpen, setPaletteOpen] = useState(false);
  useEffect(() => onPaletteKey(() => setPaletteOpen((isOpen) => !isOpen)), []);

  if (session.state === "signed-out") return html`<${SignIn} />`;
  if (session.state === "failed") return html`<main class="lone"><${Failure} error=${session.error} what="Stepmill" onRetry=${() => session.load()} /></main>`;
  if (session.state === "starting") return html`<p class="starting">Stepmill</p>`;
  if (!isKnown) return html`<main class="lone flow"><h1>There is no environment ${envId}</h1><p><a href="/">To the first one</a></p></main>`;
  return html`
    <${AppContext.Provider} value=${{ ...props, route, links, envId }}>
      <a class="skip" href="#main">Skip to content</a>
      <${Header} onPalette=${() => setPaletteOpen(true)} />
      <${Navigation} />
      <main id="main" tabindex="-1"><${Banner} /><${Current} key=${envId} route=${route} /></main>
      <${UploadTray} />
      <${NoticeList} />
      <${DropZone} />
      ${isPaletteOpen && html`<${Palette} onClose=${() => setPaletteOpen(false)} />`}
    <//>
  `;
}

/** Nobody is signed in. */
function SignIn() {
  useEffect(() => void (document.title = "Sign in · Stepmill"), []);
  return html`
    <main class="lone flow">
      <img src="/static/icon.svg" alt="" width="40" height="40" />
      <h1>Sign in</h1>
      <p>Open the link that <code>stepmill serve</code> printed. It is good once; <code>stepmill link</code> prints another.</p>
    </main>
  `;
}

/**
 * The screen of a route, whose module is read when it is first shown. A new one gets the focus at its heading, so that it
 * is read out and Tab goes on from there.
 * @param {{route: import("../lib/router.js").Route}} props
 */
function Current({ route: { screen, params } }) {
  const [loaded, setLoaded] = useState(/** @type {{screen: string, Screen?: any, error?: Error} | null} */ (null));
  const place = Object.values(params).join("/");
  const isFirst = useRef(true);
  const [fault, forget] = useErrorBoundary();
  useEffect(() => {
    let isWanted = screen !== "nowhere";
    if (isWanted) import(`./screens/${screen}.js`).then(({ Screen }) => isWanted && setLoaded({ screen, Screen }), (error) => isWanted && setLoaded({ screen, error }));
    return () => void (isWanted = false);
  }, [screen]);
  const isNowhere = screen === "nowhere";
  const isHere = isNowhere || loaded?.screen === screen;
  useEffect(() => {
    if (!isHere) return;
    const wasFirst = isFirst.current;
    isFirst.current = false;
    forget();
    if (wasFirst) return;
    scrollTo(0, 0);
    focusHeading();
  }, [isHere, screen, place]);
  if (isNowhere) return html`<h1 tabindex="-1">Not found</h1><${Empty} title="There is no such page" icon="search">The address may be cut off or out of date.<//>`;
  if (loaded?.screen !== screen) return html`<${Skeleton} rows=${4} kind="row" />`;
  if (loaded.error ?? fault) return html`<${Failure} error=${loaded.error ?? fault} what="This screen" onRetry=${() => location.reload()} />`;
  return html`<${loaded.Screen} key=${place} />`;
}

const focusHeading = () => /** @type {HTMLElement | null} */ (document.querySelector("#main h1"))?.focus({ preventScroll: true });

/** When what has the focus goes, the screen's heading gets it, so that it is never lost. */
function keepFocus() {
  /** @type {any} */
  let last;
  addEventListener("focusin", ({ target }) => (last = target));
  new MutationObserver(() => document.activeElement === document.body && last?.isConnected === false && focusHeading()).observe(document.body, { childList: true, subtree: true });
}

/** Ctrl+K or Cmd+K anywhere; a slash where nothing is being written. @param {() => void} toggle */
function onPaletteKey(toggle) {
  const hear = (/** @type {KeyboardEvent} */ event) => {
    const isHeld = event.metaKey || event.ctrlKey;
    const isWriting = event.target instanceof Element && event.target.closest("input, textarea, select, dialog");
    if (isHeld ? event.key.toLowerCase() !== "k" : event.key !== "/" || isWriting) return;
    event.preventDefault();
    toggle();
  };
  addEventListener("keydown", hear);
  return () => removeEventListener("keydown", hear);
}

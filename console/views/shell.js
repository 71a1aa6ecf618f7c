import { html, useEffect, useMemo, useRef, useState } from "../lib/html.js";
import { Links } from "../lib/links.js";
import { AppContext, useModel } from "./app.js";
import { Header, Navigation } from "./header.js";
import { Banner, NoticeList } from "./notices.js";
import { Palette } from "./palette.js";
import { Empty, Failure, Skeleton } from "./parts/page.js";
import { DropZone, UploadTray } from "./uploads.js";

/** The frame around every screen. @param {Omit<import("./app.js").App, "links" | "envId" | "route">} props */
export function Shell(props) {
  const { session, connection, router } = props;
  useModel(session);
  const { route } = useModel(router);
  const envId = route.query.env ?? "default";
  const links = useMemo(() => new Links(envId), [envId]);
  const isReady = session.state === "ready";
  useEffect(() => {
    if (!isReady) return undefined;
    connection.open(envId);
    return () => connection.close();
  }, [isReady, envId]);
  const [isPaletteOpen, setPaletteOpen] = useState(false);
  useEffect(() => onPaletteKey(() => setPaletteOpen((isOpen) => !isOpen)), []);

  if (session.state === "signed-out") return html`<${SignIn} />`;
  if (session.state === "failed") return html`<main class="lone"><${Failure} error=${session.error} what="Stepmill" onRetry=${() => session.load()} /></main>`;
  if (!isReady) return html`<p class="starting">Stepmill</p>`;
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
  useEffect(() => {
    let isWanted = screen !== "nowhere";
    if (isWanted) import(`./screens/${screen}.js`).then(({ Screen }) => isWanted && setLoaded({ screen, Screen }), (error) => isWanted && setLoaded({ screen, error }));
    return () => void (isWanted = false);
  }, [screen]);
  const isNowhere = screen === "nowhere";
  const isHere = isNowhere || loaded?.screen === screen;
  useEffect(() => {
    if (!isHere) return undefined;
    const wasFirst = isFirst.current;
    isFirst.current = false;
    return wasFirst ? undefined : focusHeading();
  }, [isHere, screen, place]);
  if (isNowhere) return html`<h1 tabindex="-1">Not found</h1><${Empty} title="There is no such page" icon="search">The address may be cut off or out of date.<//>`;
  if (loaded?.screen !== screen) return html`<${Skeleton} rows=${4} kind="row" />`;
  if (loaded.error) return html`<${Failure} error=${loaded.error} what="This screen" onRetry=${() => location.reload()} />`;
  return html`<${loaded.Screen} key=${place} />`;
}

/**
 * Move the focus to the screen's heading, also to one that comes later or stands in another's place, until a key is
 * pressed or something is pointed at.
 */
function focusHeading() {
  scrollTo(0, 0);
  const before = document.activeElement;
  const focus = () => {
    const heading = /** @type {HTMLElement | null} */ (document.querySelector("#main h1"));
    if ([before, document.body].includes(document.activeElement)) heading?.focus({ preventScroll: true });
  };
  const later = new MutationObserver(focus);
  const end = () => later.disconnect();
  later.observe(document.body, { childList: true, subtree: true });
  for (const event of ["keydown", "pointerdown"]) addEventListener(event, end, { once: true });
  focus();
  return end;
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

import { html, useEffect, useMemo, useRef, useState } from "../lib/html.js";
import { Links } from "../lib/links.js";
import { AppContext, useModel } from "./app.js";
import { Banner } from "./banner.js";
import { DropZone } from "./drop_zone.js";
import { Header } from "./header.js";
import { Navigation } from "./navigation.js";
import { NoticeList } from "./notice_list.js";
import { Palette } from "./palette.js";
import { Empty, Failure, Skeleton } from "./parts/states.js";
import { SignIn } from "./sign_in.js";
import { UploadTray } from "./upload_tray.js";

/** Each screen's module is read when it is first shown. @type {Record<string, () => Promise<{Screen: any}>>} */
const SCREENS = {
  overview: () => import("./screens/overview.js"),
  jobs: () => import("./screens/jobs.js"),
  job: () => import("./screens/job.js"),
  areas: () => import("./screens/areas.js"),
  area: () => import("./screens/area.js"),
  file: () => import("./screens/file.js"),
  plan: () => import("./screens/plan.js"),
  tables: () => import("./screens/tables.js"),
  table: () => import("./screens/table.js"),
  workers: () => import("./screens/workers.js"),
};

/** The frame around every screen. @param {Omit<import("./app.js").App, "links" | "envId" | "route">} props */
export function Shell(props) {
  const { session, connection, router } = props;
  useModel(session);
  useModel(router);
  const envId = router.route.query.env ?? "default";
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
  const app = { ...props, route: router.route, links, envId };
  return html`
    <${AppContext.Provider} value=${app}>
      <a class="skip" href="#main">Skip to content</a>
      <${Header} onPalette=${() => setPaletteOpen(true)} />
      <${Navigation} />
      <main id="main" tabindex="-1"><${Banner} /><${Current} key=${envId} route=${router.route} /></main>
      <${UploadTray} />
      <${NoticeList} />
      <${DropZone} />
      ${isPaletteOpen && html`<${Palette} onClose=${() => setPaletteOpen(false)} />`}
    <//>
  `;
}

/**
 * The screen of a route. A new one gets the focus at its heading, so that it is read out and Tab goes on from there.
 * @param {{route: import("../lib/router.js").Route}} props
 */
function Current({ route }) {
  const [loaded, setLoaded] = useState(/** @type {{name: string, Screen: any, error?: Error} | null} */ (null));
  const place = Object.values(route.params).join("/");
  const isFirst = useRef(true);
  useEffect(() => {
    let isWanted = true;
    SCREENS[route.screen]?.().then(
      ({ Screen }) => isWanted && setLoaded({ name: route.screen, Screen }),
      (error) => isWanted && setLoaded({ name: route.screen, Screen: null, error }),
    );
    return () => void (isWanted = false);
  }, [route.screen]);
  const isHere = loaded?.name === route.screen;
  useEffect(() => {
    if (!isHere) return;
    if (!isFirst.current) {
      scrollTo(0, 0);
      /** @type {HTMLElement | null} */ (document.querySelector("#main h1"))?.focus({ preventScroll: true });
    }
    isFirst.current = false;
  }, [isHere, route.screen, place]);
  if (route.screen === "nowhere") return html`<h1 tabindex="-1">Not found</h1><${Empty} title="There is no such page" icon="search">The address may be cut off or out of date.<//>`;
  if (!isHere) return html`<${Skeleton} rows=${4} kind="row" />`;
  if (loaded.error) return html`<${Failure} error=${loaded.error} what="This screen" onRetry=${() => location.reload()} />`;
  return html`<${loaded.Screen} key=${place} />`;
}

/** Ctrl+K or Cmd+K anywhere; a slash where nothing is being written. @param {() => void} toggle */
function onPaletteKey(toggle) {
  const hear = (/** @type {KeyboardEvent} */ event) => {
    const isWriting = event.target instanceof Element && event.target.closest("input, textarea, select, [contenteditable], dialog");
    const isSlash = event.key === "/" && !isWriting && !event.metaKey && !event.ctrlKey && !event.altKey;
    if (!isSlash && !(event.key.toLowerCase() === "k" && (event.metaKey || event.ctrlKey))) return;
    event.preventDefault();
    toggle();
  };
  addEventListener("keydown", hear);
  return () => removeEventListener("keydown", hear);
}

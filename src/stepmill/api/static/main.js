import { element } from "./lib/element.js";
import { call } from "./models/api.js";
import { JobFeed } from "./models/job_feed.js";
import { JobStream } from "./models/job_stream.js";
import { JobList } from "./views/job_list.js";
import { JobPage } from "./views/job_page.js";

const TICK_MS = 1000;

const byId = (id) => /** @type {HTMLElement} */ (document.getElementById(id));
const list = new JobList(byId("jobs"));
const page = new JobPage(byId("job"));

/** @type {JobStream | null} */
let stream = null;

const feed = new JobFeed((_, status) => {
  follow();
  if (feed.connected) stream?.hear(status);
  list.show(feed, stream?.jobId ?? null);
  byId("link-state").textContent = feed.connected ? "Live" : "Connection lost, trying again…";
});

/** The job in the address, or else the newest. */
function wanted() {
  const named = /^#\/jobs\/(.+)$/.exec(location.hash)?.[1];
  return named ? decodeURIComponent(named) : (feed.jobs[0]?.jobId ?? null);
}

function follow() {
  const jobId = wanted();
  if (stream && stream.jobId === jobId) return;
  stream?.close();
  stream = jobId ? new JobStream(jobId, (news) => news === stream && page.show(news)) : null;
  if (stream) {
    page.show(stream);
    stream.open();
    document.title = `${stream.jobId} · Stepmill`;
  } else {
    page.showNothing();
    document.title = "Jobs · Stepmill";
  }
}

// A browser keeps six connections to a host: pages that nobody looks at give theirs back.
function attend() {
  if (document.hidden) {
    feed.close();
    stream?.close();
  } else {
    feed.open();
    if (stream && !stream.isOver) stream.open();
  }
}

async function signOut() {
  await fetch("/logout", { method: "POST" });
  location.reload();
}

async function begin() {
  try {
    await call("/api/jobs?limit=1");
  } catch (error) {
    document.body.replaceChildren(
      element(
        "main",
        { class: "page" },
        element("h1", {}, error.status === 401 ? "Sign in" : "Stepmill does not answer"),
        element("p", {}, error.status === 401 ? "Open the link that stepmill serve printed. It is good once; stepmill link prints another." : error.message),
      ),
    );
    return;
  }
  byId("sign-out").addEventListener("click", signOut);
  addEventListener("hashchange", () => {
    follow();
    list.show(feed, stream?.jobId ?? null);
  });
  document.addEventListener("visibilitychange", attend);
  setInterval(() => stream?.job && !stream.isOver && page.show(stream), TICK_MS);
  follow();
  feed.open();
}

begin();

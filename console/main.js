import { workerService } from "stepmill";

import { html, render } from "./lib/html.js";
import { Router } from "./lib/router.js";
import { Connection } from "./models/connection.js";
import { Notices } from "./models/notices.js";
import { Session } from "./models/session.js";
import { Uploads } from "./models/uploads.js";
import { Shell } from "./views/shell.js";

const router = new Router();
const connection = new Connection(workerService);
const parts = {
  client: workerService,
  connection,
  router,
  session: new Session(workerService),
  notices: new Notices(),
  uploads: new Uploads(workerService, connection),
};

const { transport } = workerService;
const { fetch } = transport;
transport.fetch = async (...request) => {
  const response = await fetch(...request);
  if (response.status === 401 && parts.session.state === "ready") parts.session.lost();
  return response;
};
router.start();
parts.session.load();
const place = /** @type {HTMLElement} */ (document.getElementById("app"));
place.replaceChildren();
render(html`<${Shell} ...${parts} />`, place);

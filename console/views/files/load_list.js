import { html, useEffect } from "../../lib/html.js";
import { readAll } from "../../models/resource.js";
import { useApp, useResource } from "../app.js";
import { Empty } from "../parts/states.js";
import { Loads } from "../table/loads.js";

/** What an area's files brought, the newest first. @param {{area: any}} props */
export function LoadList({ area }) {
  const { client, envId } = useApp();
  const { areaId, physId } = area;
  const loads = useResource(
    async () => (area.planVersion ? readAll((query) => client.listLoads(envId, physId, query)) : []),
    [envId, physId, area.planVersion],
  );
  useEffect(() => {
    if (loads.data) loads.loadSoon(50);
  }, [area]);
  if (loads.data?.length === 0) return html`<${Empty} title="Nothing was loaded yet" icon="clock"><p>Each load is listed here with what became of its rows, and can be taken back.</p><//>`;
  return html`<${Loads} table=${{ physId, owner: { kind: "area", id: areaId } }} loads=${loads} onChange=${() => loads.load()} />`;
}

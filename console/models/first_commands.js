/**
 * What one types to load a first file by HTTP: an area, a file in it, a job that loads it.
 * @param {string} origin
 * @param {string} envId
 */
export const loadByHttp = (origin, envId) => `api=${origin}/api auth="Authorization: Bearer $STEPMILL_TOKEN" json='Content-Type: application/json'
area=$(curl -sf $api/envs/${envId}/areas -H "$auth" -H "$json" -d '{"name": "sales"}' | jq -r .areaId)
file=$(curl -sf "$api/envs/${envId}/areas/$area/files?name=FILE.csv" -H "$auth" --data-binary @FILE.csv | jq -r .fileId)
curl -sf $api/jobs -H "$auth" -H "$json" -d '{"type": "FILE_ETL", "envId": "${envId}", "params": {"areaId": "'$area'", "fileId": "'$file'"}}'`;

/** The same by the command line. @param {string} envId */
export const loadByCommand = (envId) => `stepmill load FILE.csv${envId === "default" ? "" : ` --env ${envId}`}`;

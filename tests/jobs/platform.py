"""A platform as a user meets it: everything over HTTP, jobs run by a worker with real compute children."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from tests.support.api import Api

TERMINAL = ("DONE", "ERROR", "CANCELLED")


@dataclass(frozen=True)
class Platform:
    """One environment."""

    api: Api
    client: httpx.AsyncClient
    env_id: str

    @property
    def env(self) -> str:
        """Where the environment's things are."""
        return f"/api/envs/{self.env_id}"

    @property
    def schema(self) -> str:
        """Where the environment's logical views are."""
        return "env_" + self.env_id.replace("-", "_")

    async def get(self, path: str, **query: Any) -> Any:
        """The JSON of an address below the environment's, which must be there."""
        response = await self.client.get(self.env + path, params=query)
        assert response.status_code == 200, response.text
        return response.json()

    async def create_area(self, name: str = "Orders", **options: Any) -> str:
        """A new area's id."""
        response = await self.client.post(f"{self.env}/areas", json={"name": name, **options})
        assert response.status_code == 201, response.text
        return str(response.json()["areaId"])

    async def upload(self, area_id: str, content: bytes | str, name: str = "orders.csv") -> str:
        """A new file's id."""
        body = content.encode() if isinstance(content, str) else content
        response = await self.client.post(f"{self.env}/areas/{area_id}/files", params={"name": name}, content=body)
        assert response.status_code == 201, response.text
        return str(response.json()["fileId"])

    async def put_plan(self, area_id: str, plan: Mapping[str, Any]) -> dict[str, Any]:
        """Store a plan and give it as it is stored."""
        response = await self.client.put(f"{self.env}/areas/{area_id}/plan", json=plan)
        assert response.status_code == 201, response.text
        stored: dict[str, Any] = response.json()
        return stored

    async def submit(self, area_id: str, file_id: str, *, run_at: str | None = None, **params: Any) -> dict[str, Any]:
        """Submit FILE_ETL for a file and give the job."""
        body = {"type": "FILE_ETL", "envId": self.env_id, "params": {"areaId": area_id, "fileId": file_id, **params}}
        response = await self.client.post("/api/jobs", json={**body, "runAt": run_at})
        assert response.status_code == 201, response.text
        job: dict[str, Any] = response.json()
        return job

    async def run(self, area_id: str, file_id: str, **params: Any) -> dict[str, Any]:
        """Run FILE_ETL on a file and give the job as it ended."""
        return await self.finished((await self.submit(area_id, file_id, **params))["jobId"])

    async def finished(self, job_id: str) -> dict[str, Any]:
        """The job once it has ended."""
        await self.api.bench.follow(job_id)
        job: dict[str, Any] = (await self.client.get(f"/api/jobs/{job_id}")).json()
        assert job["status"] in TERMINAL
        return job

    async def load(self, area_id: str, content: bytes | str, name: str = "orders.csv", **params: Any) -> dict[str, Any]:
        """Upload and load; the job, which must be DONE and balanced."""
        job = await self.run(area_id, await self.upload(area_id, content, name), **params)
        assert job["status"] == "DONE", job["error"]
        result = job["result"]
        parts = ("rowsLoaded", "rowsRejected", "rowsFiltered", "rowsDeduplicated")
        assert result["rowsRead"] == sum(result[part] for part in parts)
        return job

    async def failed(self, area_id: str, content: bytes | str, name: str = "orders.csv", **params: Any) -> Any:
        """Upload and load what can't be loaded; the job's error."""
        job = await self.run(area_id, await self.upload(area_id, content, name), **params)
        assert job["status"] == "ERROR", job
        assert job["error"]["retryable"] is False
        return job["error"]

    async def rows(self, area_id: str) -> list[dict[str, Any]]:
        """All rows of the area's table, as its readers see them."""
        phys_id = (await self.get(f"/areas/{area_id}"))["physId"]
        items: list[dict[str, Any]] = (await self.get(f"/tables/{phys_id}/rows", limit=500))["items"]
        return items

    async def table(self, area_id: str) -> dict[str, Any]:
        """The area's table."""
        area = await self.get(f"/areas/{area_id}")
        table: dict[str, Any] = await self.get(f"/tables/{area['physId']}")
        return table

    async def loads(self, area_id: str) -> list[dict[str, Any]]:
        """The ledger of the area's table, newest first."""
        area = await self.get(f"/areas/{area_id}")
        items: list[dict[str, Any]] = (await self.get(f"/tables/{area['physId']}/loads"))["items"]
        return items

    async def rejects(self, load_id: str) -> list[dict[str, Any]]:
        """What a load rejected."""
        items: list[dict[str, Any]] = (await self.get(f"/loads/{load_id}/rejects", limit=500))["items"]
        return items

    async def types(self, area_id: str) -> dict[str, str]:
        """The types of the table's columns by logical name."""
        return {column["logicalName"]: column["type"] for column in (await self.table(area_id))["columns"]}

"""HEAD is GET without a body, everywhere but where GET goes on for ever or uses something up."""

import httpx
import pytest

from tests.support.api import TOKEN, Api


@pytest.mark.parametrize(
    "path", ["/", "/docs", "/openapi.json", "/metrics", "/healthz", "/readyz", "/api/jobs", "/api/envs/default/areas"]
)
async def test_head_is_get_without_a_body(client: httpx.AsyncClient, path: str) -> None:
    get, head = await client.get(path), await client.head(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"] == get.headers["content-type"]


async def test_head_of_what_is_not_there_or_not_allowed(api: Api, client: httpx.AsyncClient) -> None:
    assert (await client.head("/api/jobs/none")).status_code == 404
    assert (await client.head("/api/jobs?limit=0")).status_code == 422
    assert (await client.head("/api/jobs/none/stream")).status_code == 405
    assert (await client.head("/login?code=x")).status_code == 405
    async with api.client(Accept="*/*") as nobody:
        assert (await nobody.head("/api/jobs")).status_code == 401


async def test_head_on_a_real_connection_leaves_it_usable(api: Api) -> None:
    async with api.served() as url:
        limits = httpx.Limits(max_connections=1)
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with httpx.AsyncClient(base_url=url, limits=limits, headers=headers) as client:
            head = await client.head("/api/job-types")
            get = await client.get("/api/job-types")
    assert head.content == b""
    assert int(head.headers["content-length"]) == len(get.content)


async def test_head_is_counted_under_its_route(client: httpx.AsyncClient) -> None:
    await client.head("/api/jobs/none")
    metrics = (await client.get("/metrics")).text
    assert 'stepmill_http_requests_total{method="HEAD",route="/api/jobs/{jobId}",status="404"} 1.0' in metrics

"""What GET answers is what the OpenAPI document says: every route, with all that a platform in use has to tell."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from stepmill.api import schemas
from tests.jobs.platform import Platform

pytestmark = pytest.mark.asyncio(loop_scope="module")

ORDERS = "id,placed,amount\n1,2024-01-31,9.50\n2,2024-02-29,12.00\n"
SHOWN_ELSEWHERE = {"/api/stream", "/api/jobs/{jobId}/stream"}


@dataclass(frozen=True)
class Example:
    """Ids that stand in addresses, one set after another."""

    ids: dict[str, str]

    def fill(self, path: str) -> str:
        return path.format(**self.ids)


async def in_use(platform: Platform) -> list[Example]:
    """An environment with loads of several kinds, rejects, and jobs that are done, failed and waiting."""
    area = await platform.create_area()
    await platform.load(area, ORDERS)
    plan = await platform.get(f"/areas/{area}/plan")
    rejected = (await platform.load(area, ORDERS + "3,never,1\n", allowSmall=True))["result"]
    await platform.put_plan(area, plan)
    replay = await platform.client.post(f"{platform.env}/loads/{rejected['loadId']}/replay-rejects")
    assert replay.status_code == 201, replay.text
    await platform.finished(replay.json()["jobId"])
    broken = await platform.create_area("Broken")
    broken_file = await platform.upload(broken, b"%PDF-1.7")
    failed = await platform.run(broken, broken_file)
    file_id = (await platform.get(f"/areas/{area}/files"))["items"][0]["fileId"]
    waiting = await platform.submit(area, file_id, run_at="2100-01-01T00:00:00Z")
    common = {"envId": platform.env_id, "areaId": area, "physId": rejected["physId"], "fileId": file_id}
    examples = [Example({**common, "loadId": rejected["loadId"], "jobId": waiting["jobId"]})]
    loads = await platform.loads(area)
    examples += [Example({**common, "loadId": load["loadId"], "jobId": load["jobId"]}) for load in loads]
    examples.append(Example({**examples[0].ids, "jobId": failed["jobId"]}))
    assert {load.get("replayOf") for load in loads} == {None, rejected["loadId"]}
    return examples


def reads(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, operations in document["paths"].items():
        if "get" in operations:
            yield path, operations["get"]["responses"]["200"]


async def test_every_answer_has_the_documented_shape(platform: Platform, subtests: pytest.Subtests) -> None:
    examples = await in_use(platform)
    document = (await platform.client.get("/openapi.json")).json()
    for path, described in reads(document):
        if path in SHOWN_ELSEWHERE:
            assert described["content"].keys() == {"text/event-stream"}
            continue
        for address in dict.fromkeys(example.fill(path) for example in examples):
            with subtests.test(address=address):
                answer = await platform.client.get(address)
                assert answer.status_code == 200, answer.text
                media_type = answer.headers["content-type"].partition(";")[0]
                schema = described["content"][media_type]["schema"]
                if "$ref" in schema:
                    name = schema["$ref"].rpartition("/")[2]
                    shape: type[schemas.Shape] = getattr(schemas, name)
                    shape.model_validate_json(answer.content, strict=True, by_name=False)
                    is_list = "items" in answer.json() and not path.endswith(("/rejects", "/attempts"))
                    assert answer.json()["items"] if is_list else True
                else:
                    assert path in ("/healthz", "/readyz", "/metrics")

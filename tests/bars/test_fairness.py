"""One tenant submits 10,000 jobs, another then 10: the second does not wait for the first."""

from collections.abc import Iterator

import httpx
import pytest

from stepmill.auth import sign_service_token
from stepmill.client import Client
from tests.bars.conftest import WITH_PLUGIN, Figures
from tests.bars.platform import Platform
from tests.cli.processes import serving_fresh

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

MANY, FEW, OVERTAKEN = 10_000, 10, 30
SECRET = "0123456789abcdef0123456789abcdef"

_WAITING = "SELECT array_agg(job_id) FROM jobs WHERE tenant_id = 'many' AND status = 'PENDING'"
_BEFORE = """
SELECT count(*) FROM jobs WHERE job_id = ANY(%s) AND status = 'DONE'
AND finished_at < (SELECT max(finished_at) FROM jobs WHERE tenant_id = 'few')
"""


@pytest.fixture
def shared() -> Iterator[Platform]:
    with serving_fresh(**WITH_PLUGIN, STEPMILL_SERVICE_SECRET=SECRET) as running, running.connect() as client:
        yield Platform(running, client)


def tenant(platform: Platform, name: str) -> Client:
    """A client of a tenant, which has an environment of its own."""
    token = sign_service_token(SECRET, issuer="tests", subject=name, tenant_id=name, roles=("administrator",))
    headers = {"Authorization": f"Bearer {token}"}
    made = httpx.post(f"{platform.serve.url}/api/envs", json={"envId": f"env-{name}"}, headers=headers, trust_env=False)
    assert made.status_code == 201, made.text
    return Client(platform.serve.url, token)


def test_ten_jobs_are_done_before_the_thirtieth_that_waited_before_them(shared: Platform, figures: Figures) -> None:
    job = {"type": "BARS_TALK", "params": {"lines": 0}}
    with tenant(shared, "many") as many, tenant(shared, "few") as few, shared.connect() as conn:
        for _ in range(MANY // 1_000):
            many.start_jobs([{**job, "envId": "env-many"}] * 1_000)
        jobs = few.start_jobs([{**job, "envId": "env-few"}] * FEW)
        waited = conn.execute(_WAITING).fetchone()
        assert waited is not None
        assert len(waited[0]) > MANY / 2
        for each in jobs:
            assert few.wait_for_job(each["jobId"])["status"] == "DONE"
        before = conn.execute(_BEFORE, waited).fetchone()
    assert before is not None
    figures(f"{FEW} jobs were done when {before[0]} of the {len(waited[0]):,} that waited before them were.")
    assert before[0] < OVERTAKEN

"""Both clients against a server on loopback: what they send, when they send it again, and how they follow a stream."""

import inspect
import io
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from stepmill.client import AsyncClient, Client, submit_worker_job
from stepmill.errors import ConflictError, NotFoundError, StepmillError, UnavailableError
from tests.client.scripted_server import Answer, problem, scripted_server, stream

Use = Callable[..., Any]
JOB = {"jobId": "j1", "status": "PENDING", "steps": []}


async def test_a_job_is_submitted_by_the_contracts_names(use: Use) -> None:
    with scripted_server(Answer(201, JOB)) as server:
        run_at = datetime(2030, 1, 2, tzinfo=UTC)
        job = await use(server.url, "start_job", "FILE_ETL", {"fileId": "f"}, env_id="e", priority=5, run_at=run_at)

    assert job == JOB
    asked = server.asked[0]
    assert (asked.method, asked.path) == ("POST", "/api/jobs")
    expected = {"type": "FILE_ETL", "params": {"fileId": "f"}, "envId": "e", "priority": 5}
    assert asked.json() == {**expected, "runAt": "2030-01-02T00:00:00+00:00"}
    assert asked.headers["Authorization"] == "Bearer a token"
    assert asked.headers["Idempotency-Key"]


async def test_a_time_without_a_zone_is_refused(use: Use) -> None:
    with pytest.raises(ValueError, match="time zone"):
        await use("http://127.0.0.1:9", "start_job", "FILE_ETL", {}, run_at=datetime(2030, 1, 2))


async def test_ids_are_quoted_in_addresses(use: Use) -> None:
    with scripted_server(Answer(200, {})) as server:
        await use(server.url, "get_table", "a/b", "c d?")
    assert server.asked[0].path == "/api/envs/a%2Fb/tables/c%20d%3F"


async def test_filters_have_the_contracts_names(use: Use) -> None:
    with scripted_server(Answer(200, {"items": []})) as server:
        await use(server.url, "list_jobs", status="ERROR", env_id="e", limit=3)
    assert server.asked[0].path == "/api/jobs?status=ERROR&envId=e&limit=3"


async def test_counts_attempts_and_the_session(use: Use) -> None:
    with scripted_server(Answer(200, {}), Answer(200, {}), Answer(200, {})) as server:
        await use(server.url, "count_jobs", job_id="a,b", created_after="2030-01-02T00:00:00Z")
        await use(server.url, "list_attempts", "j1", limit=5)
        await use(server.url, "session")
    assert [asked.path for asked in server.asked] == [
        "/api/jobs/counts?jobId=a%2Cb&createdAfter=2030-01-02T00%3A00%3A00Z",
        "/api/jobs/j1/attempts?limit=5",
        "/api/session",
    ]


@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_a_write_is_sent_again_with_the_same_key(use: Use, status: int) -> None:
    with scripted_server(problem(status, "busy"), Answer(201, JOB)) as server:
        await use(server.url, "start_job", "FILE_ETL", {})
    first, second = server.asked
    assert first.body == second.body
    assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"]


async def test_a_broken_answer_is_asked_for_again(use: Use) -> None:
    with scripted_server(Answer(200, JOB, cut=True), Answer(200, JOB)) as server:
        assert await use(server.url, "get_job", "j1") == JOB
    assert len(server.asked) == 2


async def test_an_answer_that_stands_is_not_asked_for_again(use: Use) -> None:
    with scripted_server(problem(409, "not_cancellable")) as server, pytest.raises(ConflictError) as raised:
        await use(server.url, "cancel_job", "j1")
    assert raised.value.code == "not_cancellable"
    assert len(server.asked) == 1


async def test_retries_come_to_an_end(use: Use) -> None:
    with scripted_server(*[problem(503, "starting")] * 4) as server, pytest.raises(UnavailableError):
        await use(server.url, "get_job", "j1")
    assert len(server.asked) == 4


async def test_a_server_that_is_not_there_is_named(use: Use) -> None:
    with pytest.raises(UnavailableError, match=r"http://127\.0\.0\.1:9 does not answer") as raised:
        await use("http://127.0.0.1:9", "get_job", "j1")
    assert raised.value.code == "server_unreachable"


async def test_something_else_at_the_address_is_said_so(use: Use) -> None:
    with (
        scripted_server(Answer(200, b"<html>hello</html>")) as server,
        pytest.raises(StepmillError, match="not a Stepmill"),
    ):
        await use(server.url, "get_job", "j1")


async def test_a_file_is_streamed_with_its_length_and_sent_again(use: Use, tmp_path: Path) -> None:
    path = tmp_path / "some data.csv"
    path.write_bytes(b"a,b\n" * 700_000)
    progress: list[int] = []
    with scripted_server(problem(503, "busy"), Answer(201, {"fileId": "f"})) as server:
        await use(server.url, "upload_file", "e", "a", path, on_progress=progress.append)

    assert [asked.body == path.read_bytes() for asked in server.asked] == [True, True]
    assert server.asked[1].path == "/api/envs/e/areas/a/files?name=some+data.csv"
    assert server.asked[1].headers["Content-Length"] == "2800000"
    assert progress[-1] == 2_800_000


async def test_content_that_can_be_read_once_is_sent_once(use: Use) -> None:
    with scripted_server(problem(503, "busy")) as server, pytest.raises(UnavailableError):
        await use(server.url, "upload_file", "e", "a", io.BytesIO(b"a\n1\n"), name="x.csv")
    assert len(server.asked) == 1
    assert server.asked[0].body == b"a\n1\n"
    assert "Idempotency-Key" not in server.asked[0].headers


async def test_content_without_a_name_needs_one(use: Use) -> None:
    with pytest.raises(ValueError, match="name"):
        await use("http://127.0.0.1:9", "upload_file", "e", "a", b"a\n")


async def test_a_stream_is_resumed_after_a_break_and_ends_at_end(use: Use) -> None:
    with scripted_server(
        stream((3, "snapshot", JOB), (4, "status", {"status": "RUNNING"}), cut=True),
        problem(503, "starting"),
        stream((5, "progress", {"done": 1})),  # closed by the server without an end, as when it restarts
        stream((6, "end", {"status": "DONE"})),
    ) as server:
        events = await use(server.url, "stream_job", "j1")

    assert [event.id for event in events] == ["3", "4", "5", "6"]
    assert [asked.headers.get("Last-Event-ID") for asked in server.asked] == [None, "4", "4", "5"]


async def test_a_stream_that_is_cut_before_any_event_goes_on_from_the_id_that_came_alone(use: Use) -> None:
    position = Answer(200, b"retry: 1000\n\nid: 7\n\nid: 9\n", {"Content-Type": "text/event-stream"}, cut=True)
    with scripted_server(position, stream((8, "end", {}))) as server:
        assert [event.id for event in await use(server.url, "stream_all")] == ["8"]
    assert [asked.headers.get("Last-Event-ID") for asked in server.asked] == [None, "7"]


@pytest.mark.parametrize("after", ["9", 9])
async def test_a_stream_that_has_nothing_more_to_say_is_over(use: Use, after: str | int) -> None:
    with scripted_server(Answer(204)) as server:
        assert await use(server.url, "stream_job", "j1", after=after) == []
    assert server.asked[0].headers["Last-Event-ID"] == "9"


async def test_a_stream_of_an_unknown_job_is_an_error(use: Use) -> None:
    with scripted_server(problem(404, "job_not_found")) as server, pytest.raises(NotFoundError):
        await use(server.url, "stream_job", "j1")
    assert len(server.asked) == 1


async def test_a_stream_from_no_server_gives_up(use: Use) -> None:
    with pytest.raises(UnavailableError, match="does not answer"):
        await use("http://127.0.0.1:9", "stream_job", "j1")


async def test_waiting_for_a_job_gives_it_as_it_ended(use: Use) -> None:
    done = {**JOB, "status": "DONE"}
    with scripted_server(Answer(200, JOB), stream((1, "end", {})), Answer(200, done)) as server:
        assert await use(server.url, "wait_for_job", "j1") == done


def test_one_call_submits_a_job_from_a_service(monkeypatch: pytest.MonkeyPatch) -> None:
    with scripted_server(Answer(201, JOB)) as server:
        monkeypatch.setenv("STEPMILL_URL", server.url)
        monkeypatch.setenv("STEPMILL_SERVICE_SECRET", "s" * 32)
        job = submit_worker_job("FILE_ETL", {"fileId": "f"}, env_id="default")
    assert job["jobId"] == "j1"
    assert server.asked[0].json() == {"type": "FILE_ETL", "params": {"fileId": "f"}, "envId": "default"}
    assert server.asked[0].headers["Authorization"].startswith("Bearer ey")


def test_both_clients_have_the_same_methods() -> None:
    def methods(client: type) -> dict[str, list[str]]:
        public = {name: value for name, value in vars(client).items() if not name.startswith("_") and callable(value)}
        return {name: list(inspect.signature(value).parameters) for name, value in public.items()}

    assert methods(Client) == methods(AsyncClient)


def test_the_client_brings_nothing_else_of_stepmill() -> None:
    code = "import sys, stepmill.client; print(*sorted(m for m in sys.modules if m.startswith('stepmill.')))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {name.split(".")[1] for name in result.stdout.split()} == {"client", "errors"}

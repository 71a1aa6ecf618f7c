"""A real `stepmill serve` as its users meet it: areas, files and jobs by HTTP, tables by SQL."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg

from stepmill.client import Client, Event, Job
from stepmill.gateways.sql.embedded import running_url
from tests.bars.moments import Moment
from tests.cli.processes import Serve
from tests.support.checksums import Checksum, Connection, checksum_of_files, checksum_of_table, columns_of

Seen = Callable[[Event], None]

ENV = "default"
VIEWS = "env_default"
DATA = "stepmill_data_default"


class Platform:
    """A server, a client, and a superuser's look into its database."""

    def __init__(self, serve: Serve, client: Client) -> None:
        self.serve = serve
        self.client = client
        self._known: dict[tuple[Any, ...], Checksum] = {}

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """A superuser's connection, who sees every statement that runs."""
        url = running_url(self.serve.data_dir / "postgres")
        assert url is not None
        with psycopg.connect(url, user="postgres", application_name="bars", autocommit=True) as conn:
            conn.execute("SET search_path = stepmill")
            yield conn

    def make_area(self, **options: Any) -> str:
        """A new area."""
        return self.client.create_area(ENV, f"area_{uuid4().hex[:8]}", **options)["areaId"]

    def upload(self, area_id: str, source: Path | bytes, name: str = "rows.csv") -> str:
        """A file in an area."""
        return self.client.upload_file(ENV, area_id, source, name=name)["fileId"]

    def start(self, area_id: str, file_id: str, **params: Any) -> str:
        """A job that loads a file."""
        job = self.client.start_job("FILE_ETL", {"areaId": area_id, "fileId": file_id, **params}, env_id=ENV)
        return job["jobId"]

    def load(self, area_id: str, source: Path | bytes, name: str = "rows.csv", **params: Any) -> Job:
        """Upload, load, wait for the end."""
        return self.client.wait_for_job(self.start(area_id, self.upload(area_id, source, name), **params))

    def follow(self, job_id: str, moment: Moment, act: Callable[[], object], seen: Seen | None = None) -> list[Event]:
        """The job's events to its end; at the first that is the moment, something is done, once.

        Whatever happened, no event is lost, doubled or out of order. ``seen`` is told each as it comes.
        """
        events: list[Event] = []
        acted = False
        for event in self.client.stream_job(job_id):
            events.append(event)
            if seen is not None:
                seen(event)
            if not acted and moment(event):
                acted = True
                act()
        assert acted, f"the moment did not come: {[(each.kind, each.data) for each in events]}"
        numbers = [int(event.id) for event in events]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        return events

    def stored_events(self, job_id: str) -> list[dict[str, Any]]:
        """All events as `GET …/events` has them."""
        items: list[dict[str, Any]] = []
        after: str | None = None
        for _ in itertools.count():
            page = self.client.list_events(job_id, after=after, limit=500)
            items += page["items"]
            after = page.get("nextCursor")
            if not after:
                break
        return items

    def view_of(self, phys_id: str) -> str:
        """The logical name of a table."""
        return self.client.get_table(ENV, phys_id)["logicalName"]

    def assert_holds(self, phys_id: str, *files: Path) -> None:
        """The table has exactly the files' rows, in every column."""
        name = self.view_of(phys_id)
        with self.connect() as conn:
            columns = columns_of(conn, VIEWS, name)
            key = (files, tuple(columns))
            if key not in self._known:
                self._known[key] = checksum_of_files(conn, files, columns)
            assert checksum_of_table(conn, VIEWS, name, columns) == self._known[key]

    def statements_of(self, job_id: str) -> list[tuple[Any, ...]]:
        """What runs for a job in the database, in whatever state."""
        with self.connect() as conn:
            return conn.execute(
                "SELECT application_name, state, query FROM pg_stat_activity WHERE application_name LIKE %s",
                (f"stepmill:{job_id}:%",),
            ).fetchall()

    def unaccounted_tables(self) -> list[str]:
        """Tables in the data schema that are neither shown, nor kept for an undo, nor being filled."""
        with self.connect() as conn:
            rows = conn.execute(
                "SELECT relname FROM pg_class WHERE relnamespace = %s::regnamespace AND relkind IN ('r', 'p')"
                " EXCEPT SELECT phys_id || '_g' || generation FROM physical_tables"
                " EXCEPT SELECT table_name FROM retired_tables EXCEPT SELECT table_name FROM load_targets",
                (DATA,),
            ).fetchall()
        return [str(row[0]) for row in rows]

    def open_targets(self) -> int:
        """Loads under way, as the books have them."""
        with self.connect() as conn:
            row = conn.execute("SELECT count(*) FROM load_targets").fetchone()
        return int(row[0]) if row else 0

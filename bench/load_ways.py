"""The ways in which a file becomes a table, each timed: Stepmill's jobs, psql's copy, dlt."""

import json
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

import polars as pl
import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from bench.memory import Peak, watched
from bench.peer_process import PEERS_PYTHON, ROOT
from stepmill.cli.own_server import Started
from stepmill.cli.psql import psql_program
from stepmill.gateways.sql.embedded import SUPERUSER, running_url

_ENV = "default"
_LATEST = """
SELECT data_schema, phys_id || '_g' || generation FROM stepmill.physical_tables WHERE logical_name = %s
"""
_INDEXES = "SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = %s::regclass ORDER BY indexrelid"


@dataclass
class Ways:
    """Loads on one server, and what its worker needed for them. Every load goes to a new table."""

    server: Started
    url: str
    peak: Peak = field(default_factory=Peak)
    tables: int = 0

    @classmethod
    def of(cls, server: Started, data: Path) -> "Ways":
        """On the embedded database of a running server."""
        url = running_url(data / "postgres")
        assert url is not None
        return cls(server, url)

    def settle(self) -> None:
        """Let what was done before be over: no side shall pay for the other's dirty pages."""
        with psycopg.connect(self.url, user=SUPERUSER, dbname=SUPERUSER, autocommit=True) as conn:
            conn.execute("CHECKPOINT")

    def stepmill(self, file: Path, plan: Mapping[str, Any] | None = None) -> "Loaded":
        """From submit to DONE, on a new area: without a plan, or with that one in force."""
        self.tables += 1
        name = f"{file.stem} {self.tables}"
        with self.server.connect() as client:
            area = client.create_area(_ENV, name)["areaId"]
            if plan is not None:
                client.put_plan(_ENV, area, plan)
            uploaded = client.upload_file(_ENV, area, file)
            self.settle()
            with watched(self.server.process.pid, self.peak):
                began = time.perf_counter()
                job = client.start_job("FILE_ETL", {"fileId": uploaded["fileId"], "areaId": area}, env_id=_ENV)
                job = client.wait_for_job(job["jobId"])
                seconds = time.perf_counter() - began
            assert job["status"] == "DONE", job["error"]
            steps = {step["name"]: _seconds(step["startedAt"], step["finishedAt"]) for step in job["steps"]}
            client.delete_file(_ENV, uploaded["fileId"], rows="keep")
            return Loaded(seconds, name, steps, client.get_plan(_ENV, area))

    def copy(self, file: Path, like: str, rows: int) -> float:
        """Seconds of psql's copy into an empty table that has the columns and the indexes of Stepmill's ``like``."""
        with psycopg.connect(self.url, user=SUPERUSER, autocommit=True) as conn:
            table = conn.execute(_LATEST, (like,)).fetchone()
            assert table is not None
            stored = sql.Identifier(*table)
            view = sql.Identifier(f"env_{_ENV}", like)
            conn.execute(sql.SQL("CREATE TABLE public.copied AS SELECT * FROM {} LIMIT 0").format(view))
            for (definition,) in conn.execute(_INDEXES, (stored.as_string(conn),)).fetchall():
                conn.execute(_on_copied(definition).encode())
            self.settle()
            began = time.perf_counter()
            command = [psql_program(), "-X", "-q", "-d", _as_superuser(self.url), "-c"]
            subprocess.run([*command, f"\\copy public.copied FROM '{file}' CSV HEADER"], check=True)
            seconds = time.perf_counter() - began
            assert conn.execute("SELECT count(*) FROM public.copied").fetchone() == (rows,)
            conn.execute("DROP TABLE public.copied")
        return seconds

    def dlt(self, way: Literal["default", "best"], file: Path) -> float:
        """Seconds of dlt's pipeline, without the start of Python."""
        self.tables += 1
        program = [str(PEERS_PYTHON), "-m", "bench.loaders.dlt_csv"]
        command = [*program, way, _as_url(_as_superuser(self.url)), str(file), f"t{self.tables}"]
        self.settle()
        answer = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
        if answer.returncode:
            raise RuntimeError(f"dlt ended with {answer.returncode}: {answer.stderr[-2000:]}")
        with psycopg.connect(self.url, user=SUPERUSER, autocommit=True) as conn:
            conn.execute("DROP SCHEMA dlt_bench CASCADE")
        return float(answer.stdout.split()[-1])


@dataclass(frozen=True)
class Loaded:
    """A load by Stepmill: how long it took, into which table, the seconds of each step, and the plan it went by."""

    seconds: float
    table: str
    steps: dict[str, float]
    plan: dict[str, Any]


def write_json_lines(file: Path, lines: Path) -> None:
    """A CSV's rows as JSON Lines, numbers and booleans as such."""
    texts = dict.fromkeys(("postal_code", "occurred_at", "ordered_on"), pl.String)
    pl.scan_csv(file, schema_overrides=texts).sink_ndjson(lines)
    with lines.open(encoding="utf-8") as written:
        assert isinstance(json.loads(written.readline())["id"], int)


def _on_copied(definition: str) -> str:
    """The same index on the table that psql fills."""
    before, _, after = definition.partition(" ON ")
    _, _, columns = after.partition(" USING ")
    kind = "CREATE UNIQUE INDEX" if before.startswith("CREATE UNIQUE") else "CREATE INDEX"
    return f"{kind} ON public.copied USING {columns}"


def _as_superuser(url: str) -> str:
    return make_conninfo(url, user=SUPERUSER)


def _seconds(began: str | None, ended: str | None) -> float:
    assert began is not None
    assert ended is not None
    return (datetime.fromisoformat(ended) - datetime.fromisoformat(began)).total_seconds()


def _as_url(conninfo: str) -> str:
    """As a URL with a host and a password, as dlt wants one. Of two hosts the later holds, which may be a socket."""
    parts = {name: quote(str(value), safe="") for name, value in conninfo_to_dict(conninfo).items()}
    place = f"host={parts['host']}&port={parts.get('port', '5432')}"
    return f"postgresql://{parts['user']}:{parts.get('password', 'none')}@localhost/{parts['dbname']}?{place}"

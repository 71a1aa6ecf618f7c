"""PostgreSQL servers that are installed on this machine, of versions other than the embedded one."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from stepmill.gateways.sql.embedded import LOGIN
from tests.support.database import DatabaseServer

INSTALLED = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


@contextmanager
def installed_server(programs: Path) -> Iterator[DatabaseServer]:
    """A fresh server run by the binaries in ``programs``, with the same login user as the embedded one has."""
    user: dict[str, Any] = {"user": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
    folder = Path(tempfile.mkdtemp(prefix="stepmill-tests-", dir="/tmp"))
    if user:
        shutil.chown(folder, "postgres")
    data = folder / "data"
    initdb: list[str | Path] = [programs / "initdb", "-D", data, "-U", "postgres"]
    initdb += ["--auth=trust", "--encoding=UTF8", "--locale=C"]
    subprocess.run(initdb, check=True, capture_output=True, cwd="/", **user)
    options = f"-k {folder} -c listen_addresses= -c fsync=off"
    control: list[str | Path] = [programs / "pg_ctl", "-D", data, "-w", "-l", folder / "log"]
    subprocess.run([*control, "-o", options, "start"], check=True, stdout=subprocess.DEVNULL, cwd="/", **user)
    try:
        server = DatabaseServer(f"postgresql://postgres@/postgres?host={folder}")
        with psycopg.connect(server.superuser_url, autocommit=True) as conn:
            conn.execute(sql.SQL("CREATE ROLE {} LOGIN CREATEROLE").format(sql.Identifier(LOGIN)))
        yield server
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], check=True, stdout=subprocess.DEVNULL, cwd="/", **user)
        shutil.rmtree(folder)

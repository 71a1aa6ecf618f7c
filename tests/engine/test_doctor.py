"""The doctor: finds nothing wrong where nothing is, and names what is wrong with the SQL that mends it."""

import tempfile
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from stepmill.engine.doctor import Finding, examine
from stepmill.engine.migrate import migrate
from stepmill.gateways.blobs import Blobs
from tests.support.database import DatabaseServer
from tests.support.transaction_pooler import transaction_pooler


def wrong(findings: list[Finding]) -> set[str]:
    """Names of what is wrong, without what the tests' server does for speed."""
    return {finding.name for finding in findings if not finding.ok} - {"durability"}


async def test_a_sound_installation(database_url: str, tmp_path: Path) -> None:
    findings = await examine(database_url, Blobs(tmp_path))

    assert wrong(findings) == set()
    names = [finding.name for finding in findings]
    assert len(names) == len(set(names))
    assert {"connection", "version", "roles", "migrations", "notifications", "session", "blobs"} <= set(names)


async def test_a_server_that_forgets_is_told(database_url: str) -> None:
    findings = {finding.name: finding for finding in await examine(database_url)}

    assert not findings["durability"].ok
    assert findings["durability"].required
    assert "ALTER SYSTEM SET fsync = on;" in (findings["durability"].sql_to_mend or "")


async def test_what_a_plain_user_lacks_is_named_with_sql_that_mends_it(database_server: DatabaseServer) -> None:
    user = f"plain_{uuid4().hex[:8]}"
    with psycopg.connect(database_server.superuser_url, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(user)))
        try:
            with database_server.empty(owner="postgres") as url:
                name = str(conninfo_to_dict(url)["dbname"])
                theirs = database_server.url_of(name, user=user)
                before = await examine(theirs)
                assert wrong(before) == {"roles", "environment roles", "migrations"}
                with psycopg.connect(database_server.url_of(name, user="postgres"), autocommit=True) as other:
                    for finding in before:
                        if finding.name in ("roles", "environment roles"):
                            other.execute((finding.sql_to_mend or "").encode())
                await migrate(theirs)
                assert wrong(await examine(theirs)) == set()
        finally:
            admin.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(user)))


async def test_a_pool_in_transaction_mode_is_found_out(database_url: str) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        async with transaction_pooler(database_url, Path(folder)) as url:
            findings = await examine(url)

    assert wrong(findings) >= {"session", "notifications", "session settings"}
    assert all(
        "session mode" in finding.message for finding in findings if finding.name in ("session", "notifications")
    )


async def test_a_database_that_does_not_answer_is_one_finding() -> None:
    (finding,) = await examine("postgresql://me:s3cret@/nothing?host=/nowhere")

    assert (finding.name, finding.ok) == ("connection", False)
    assert "s3cret" not in finding.message


async def test_a_read_only_database_is_told(database_url: str, database_server: DatabaseServer) -> None:
    name = sql.Identifier(str(conninfo_to_dict(database_url)["dbname"]))
    with psycopg.connect(database_server.superuser_url, autocommit=True) as admin:
        admin.execute(sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = on").format(name))
        findings = {finding.name: finding for finding in await examine(database_url)}
        assert not findings["writable"].ok
        admin.execute((findings["writable"].sql_to_mend or "").encode())
    assert wrong(await examine(database_url)) == set()


async def test_storage_that_can_not_be_written_is_told(database_url: str, tmp_path: Path) -> None:
    blobs = Blobs(tmp_path / "blobs")
    (tmp_path / "blobs" / "doctor").write_text("a file where a folder has to be")

    assert wrong(await examine(database_url, blobs)) == {"blobs"}


@pytest.mark.parametrize("url", ["postgresql://h:port/db", "nonsense"])
async def test_an_address_that_can_not_be_read_is_one_finding(url: str) -> None:
    assert [finding.name for finding in await examine(url)] == ["connection"]

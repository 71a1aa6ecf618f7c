"""The Compose file and the image: whole by themselves, and true of Stepmill."""

import re
from typing import Any

import psycopg
import pytest
import yaml

import stepmill
from stepmill.cli.supervision.connections import GOODBYE_SECONDS
from stepmill.cli.supervision.server import KILL_AFTER_SECONDS
from stepmill.settings import Settings
from tests.deploy.programs import DEPLOY, SECRETS, assert_command, option, seconds, settings_of
from tests.docs.pages import ROOT

COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = ["migrate", "api", "worker"]
IMAGE = (DEPLOY / "Dockerfile").read_text()
_REFERENCE = re.compile(r"\$\{(\w+):\?[^}]+\}")


def environment_of(name: str) -> dict[str, str]:
    """What is set in the image and for the service; secrets are put in their places as Compose does."""
    in_image = dict(re.findall(r"(STEPMILL_\w+)=(\S+)", IMAGE))
    given = SERVICES[name].get("environment", {})
    return in_image | {key: _REFERENCE.sub("x" * 40, value) for key, value in given.items()}


def settings(name: str) -> Settings:
    return settings_of(environment_of(name))


def test_each_secret_is_a_reference_that_the_example_names() -> None:
    named = set(re.findall(r"^(\w+)=$", (DEPLOY / "secrets.env.example").read_text(), re.M))
    used = set()
    for service in SERVICES.values():
        for key, value in service.get("environment", {}).items():
            used |= set(_REFERENCE.findall(value))
            if key in SECRETS or "PASSWORD" in key:
                assert _REFERENCE.search(value), f"{key} is written out"
    assert used == named
    assert ".env" in (DEPLOY / ".gitignore").read_text().split()


def test_images_have_versions() -> None:
    for service in SERVICES.values():
        name, tag = service["image"].rsplit(":", 1)
        assert re.match(r"\d+\.\d+", tag), f"{name} has no version"
    assert SERVICES["api"]["image"] == f"stepmill:{stepmill.__version__}"
    for line in re.findall(r"^FROM (\S+)", IMAGE, re.M):
        assert re.fullmatch(r"python:3\.\d+-slim-\w+", line)


@pytest.mark.parametrize("name", OURS)
def test_its_command_is_one_of_stepmills(name: str) -> None:
    assert_command(SERVICES[name]["command"])
    assert SERVICES[name]["command"][0] == name


@pytest.mark.parametrize("name", OURS)
def test_its_settings_are_real(name: str) -> None:
    assert settings(name).database_url is not None
    assert settings(name).blob_url is not None


@pytest.mark.parametrize("name", OURS)
def test_it_writes_nowhere_but_where_it_may(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    folders = [str(each).split(":")[0] for each in service["tmpfs"]]
    assert {str(settings(name).data_dir), str(settings(name).worker_probe_dir), "/tmp"} == set(folders)
    (volume, folder) = service["volumes"][0].split(":")
    assert volume in COMPOSE["volumes"]
    assert (settings(name).blob_url or "").startswith(f"{folder}/")


def test_each_waits_for_what_it_needs_and_comes_back() -> None:
    assert SERVICES["migrate"]["depends_on"] == {"database": {"condition": "service_healthy"}}
    for name in ("api", "worker"):
        assert SERVICES[name]["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}
        assert SERVICES[name]["restart"] == "unless-stopped"
    for name in ("database", "api", "worker"):
        assert {"test", "interval", "timeout", "retries", "start_period"} <= SERVICES[name]["healthcheck"].keys()


def test_ports_are_those_that_are_listened_on() -> None:
    port = option(SERVICES["api"]["command"], "--port")
    assert SERVICES["api"]["ports"] == [f"127.0.0.1:{port}:{port}"]
    assert f"http://127.0.0.1:{port}/readyz" in SERVICES["api"]["healthcheck"]["test"][-1]
    assert SERVICES["worker"]["expose"] == [str(settings("worker").metrics_port)]
    assert f"EXPOSE {port}\n" in IMAGE


def test_there_is_time_for_an_orderly_end() -> None:
    grace = settings("worker").shutdown_grace_seconds + KILL_AFTER_SECONDS
    assert seconds(SERVICES["worker"]["stop_grace_period"]) > grace
    grace = settings("api").shutdown_grace_seconds + GOODBYE_SECONDS
    assert seconds(SERVICES["api"]["stop_grace_period"]) > grace
    assert str(settings("worker").worker_probe_dir) in SERVICES["worker"]["healthcheck"]["test"][-1]


def test_the_image_is_made_of_what_is_there_by_the_lock() -> None:
    assert "pip install --require-hashes -r requirements.lock" in IMAGE
    assert 'ENTRYPOINT ["tini", "--", "stepmill"]' in IMAGE
    allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    copied = [word for line in re.findall(r"^COPY (?!--)(.*) \S+$", IMAGE, re.M) for word in line.split()]
    assert set(copied) == set(allowed)
    for name in copied:
        assert (ROOT / name).exists()


def test_the_databases_user_is_no_superuser(database_server: Any) -> None:
    """The statements that the database's image runs once, on a PostgreSQL without TimescaleDB."""
    script = (DEPLOY / "postgres" / "10-stepmill.sh").read_text()
    role, database = re.findall(r"^(CREATE (?:ROLE|DATABASE) .*;)$", script, re.M)
    with psycopg.connect(database_server.superuser_url, autocommit=True) as conn:
        conn.execute(role.replace("ROLE stepmill", "ROLE deployed").replace(":'password'", "'secret'"))
        conn.execute(database.replace("DATABASE stepmill OWNER stepmill", "DATABASE deployed OWNER deployed"))
        try:
            found = conn.execute("SELECT rolsuper, rolcreaterole FROM pg_roles WHERE rolname = 'deployed'").fetchone()
        finally:
            conn.execute("DROP DATABASE deployed")
            conn.execute("DROP ROLE deployed")
    assert found == (False, True)

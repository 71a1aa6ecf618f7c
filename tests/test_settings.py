"""What settings are by themselves, where nobody sets them."""

import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from stepmill.settings import Settings, available_cores


@pytest.mark.parametrize(("quota", "cores"), [("10000 100000", 1), ("100000 100000", 1), ("nonsense", None)])
def test_the_cores_are_those_of_the_container(tmp_path: Path, quota: str, cores: int | None) -> None:
    (tmp_path / "cpu.max").write_text(quota)
    assert available_cores(tmp_path / "cpu.max") == (cores or available_cores(tmp_path / "none"))


def test_a_container_gives_no_cores_that_the_machine_has_not(tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text("99999900000 100000")
    assert available_cores(tmp_path / "cpu.max") <= (os.cpu_count() or 1)
    (tmp_path / "cpu.max").write_text("max 100000")
    assert available_cores(tmp_path / "cpu.max") == available_cores(tmp_path / "none")


@pytest.mark.parametrize("name", ["STEPMILL_TYPE_LIMITS", "STEPMILL_TENANT_LIMITS"])
@pytest.mark.parametrize("text", ["acme", "acme=", "=3", "acme=0", "acme=-1", "acme=1.5", "acme=1,acme=2", "a=²"])
def test_limits_that_say_nothing_are_refused(monkeypatch: pytest.MonkeyPatch, name: str, text: str) -> None:
    monkeypatch.setenv(name, text)
    with pytest.raises(ValidationError, match=r"NAME=NUMBER|twice"):
        Settings()


def test_limits_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (Settings().type_limits, Settings().tenant_limits) == ({}, {})
    monkeypatch.setenv("STEPMILL_TENANT_LIMITS", " acme = 4, *=10 ,")
    assert Settings().tenant_limits == {"acme": 4, "*": 10}


def test_a_worker_may_miss_beats_before_it_counts_as_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPMILL_HEARTBEAT_SECONDS", "20")
    with pytest.raises(ValidationError, match=r"at least 2.5 times STEPMILL_HEARTBEAT_SECONDS, which is 20"):
        Settings()
    monkeypatch.setenv("STEPMILL_DEAD_AFTER_SECONDS", "50")
    assert Settings().dead_after_seconds == 50

"""The socket that the api listens on, and the files that the process may open."""

import resource
import socket

import pytest

from stepmill.cli.supervision.listening import listen
from stepmill.errors import ConfigurationError


@pytest.mark.parametrize(("soft", "hard"), [(256, 256), (64, 599)])
def test_too_few_files_are_said_before_anything_is_started(
    monkeypatch: pytest.MonkeyPatch, soft: int, hard: int
) -> None:
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: asked.append(limits))
    with pytest.raises(ConfigurationError, match="ulimit -n") as refused:
        listen("127.0.0.1", 0)
    assert refused.value.code == "too_few_files"
    assert f"{hard} open files" in refused.value.message
    assert set(asked) <= {(hard, hard)}


def test_where_no_limit_is_said_what_can_be_had_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    allowed: list[int] = []

    def allow(_: int, limits: tuple[int, int]) -> None:
        if limits[0] > 10_240:
            raise ValueError("current limit exceeds maximum limit")
        allowed.append(limits[0])

    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, resource.RLIM_INFINITY))
    monkeypatch.setattr(resource, "setrlimit", allow)
    listen("127.0.0.1", 0).close()
    assert allowed == [10_240]


@pytest.mark.skipif(not hasattr(socket, "TCP_NOTSENT_LOWAT"), reason="this system has no such option")
def test_a_connection_has_what_is_set_for_its_listener() -> None:
    with listen("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT) == 16 * 1024
            assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)

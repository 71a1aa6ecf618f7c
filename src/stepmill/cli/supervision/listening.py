"""The address that the api listens on, taken before anything else is started."""

import errno
import resource
import socket
from contextlib import suppress

from stepmill.errors import ConfigurationError

_FILES = 65_536
"""Each event stream is an open file, and many systems begin with 1,024 of them."""

_FILES_ELSEWHERE = 10_240
"""What macOS allows at most where it says that there is no limit."""

_FEWEST_FILES = 600
"""With fewer there are none left for connections beside those that the process needs itself."""

_UNSENT_BYTES = 16 * 1024
"""How much of an answer the system holds that is not on its way yet. It would take megabytes, and take more only when
a third of them is gone: minutes, in which a slow reader looks like one that takes nothing."""

_UNHEARD_MS = 60_000
"""A client that takes nothing, or is gone without a word, holds its connection no longer than this."""


def listen(host: str, port: int) -> socket.socket:
    """A socket bound to the address. Raises :class:`ConfigurationError` that says what to do if it can't be had.

    Connections are open files: the process may have as many from now on as the system allows, within reason. They have
    the options of their listener.
    """
    _allow_files()
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise ConfigurationError("address_unusable", f"--host {host} can't be used: {error}.") from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if hasattr(socket, "TCP_NOTSENT_LOWAT"):
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT_BYTES)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNHEARD_MS)
        listener.bind(address)
        # Bound and not yet listening, it would let a second server bind it too.
        listener.listen(2048)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise ConfigurationError(
                "port_in_use",
                f"Port {port} of {host} is taken by another program. Choose another with --port, or --port 0 for any.",
            ) from None
        raise ConfigurationError("address_unusable", f"{host}:{port} can't be used: {error.strerror}.") from None
    return listener


def _allow_files() -> None:
    """Allow as many as can be had. Raises :class:`ConfigurationError` if that is too few."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for wanted in (_FILES, _FILES_ELSEWHERE):
        number = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        if soft == resource.RLIM_INFINITY or soft >= number:
            break
        with suppress(OSError, ValueError):  # a system that counts otherwise: fewer streams are taken then
            resource.setrlimit(resource.RLIMIT_NOFILE, (number, hard))
            soft = number
    if soft != resource.RLIM_INFINITY and soft < _FEWEST_FILES:
        raise ConfigurationError(
            "too_few_files",
            f"The process may have {soft:,} open files, and needs {_FEWEST_FILES} at least: see `ulimit -n`, "
            "and `ulimit -Hn` for what the system allows.",
        )


def url_of(listener: socket.socket) -> str:
    """The address for people and clients: of every address, the loopback one."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  (it is compared, not bound)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

"""The address that the api listens on, taken before anything else is started."""

import errno
import socket

from stepmill.errors import ConfigurationError


def listen(host: str, port: int) -> socket.socket:
    """A socket bound to the address. Raises :class:`ConfigurationError` that says what to do if it can't be had."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise ConfigurationError("address_unusable", f"--host {host} can't be used: {error}.") from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
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


def url_of(listener: socket.socket) -> str:
    """The address for people and clients: of every address, the loopback one."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  (it is compared, not bound)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

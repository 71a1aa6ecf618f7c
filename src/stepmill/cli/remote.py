"""The server that a command talks to: the one named, else the one of the data folder, else the usual address."""

import os
from dataclasses import dataclass

from stepmill.cli.instance import running_server
from stepmill.client import Client
from stepmill.errors import UnavailableError
from stepmill.settings import Settings


@dataclass(frozen=True)
class Remote:
    """A server's address, and the token that its note gave. Without one, credentials come from the environment."""

    url: str
    token: str | None = None
    found: bool = True
    """Whether somebody named it or it is known to run; otherwise the address is a guess."""

    def connect(self) -> Client:
        """A client of it."""
        if not self.found and not _environment_has_credentials():
            raise UnavailableError(
                "server_unreachable", "No server of this user runs on this machine, and none is named."
            )
        return Client(self.url, self.token)


def find_server(settings: Settings) -> Remote:
    """Where commands go. `STEPMILL_TOKEN` and `STEPMILL_SERVICE_SECRET` win over a note's token."""
    note = running_server(settings.data_dir)
    named = "url" in settings.model_fields_set
    if note is None:
        return Remote(settings.url, found=named)
    if named and settings.url.rstrip("/") != note.url:
        return Remote(settings.url)
    return Remote(note.url, None if _environment_has_credentials() else note.token)


def _environment_has_credentials() -> bool:
    return bool(os.environ.get("STEPMILL_TOKEN") or os.environ.get("STEPMILL_SERVICE_SECRET"))

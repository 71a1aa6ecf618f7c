"""Options that several commands share, and the settings that follow from them and the environment."""

from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from stepmill.errors import ConfigurationError
from stepmill.settings import Settings

JsonOption = Annotated[bool, typer.Option("--json", help="Write JSON, for scripts.")]
UrlOption = Annotated[str | None, typer.Option("--url", help="Address of the server.  \\[env: STEPMILL_URL]")]
EnvOption = Annotated[str | None, typer.Option("--env", help="Environment.  \\[env: STEPMILL_ENVIRONMENT]")]
LimitOption = Annotated[int, typer.Option("--limit", min=1, max=500, help="How many at most.")]
DataDirOption = Annotated[
    Path | None,
    typer.Option("--data-dir", help="Folder of the embedded database and files.  \\[env: STEPMILL_DATA_DIR]"),
]
DatabaseOption = Annotated[
    str | None, typer.Option("--database-url", help="PostgreSQL of your own.  \\[env: STEPMILL_DATABASE_URL]")
]
HostOption = Annotated[str | None, typer.Option("--host", help="Address to listen on.  \\[env: STEPMILL_HOST]")]
PortOption = Annotated[
    int | None,
    typer.Option("--port", min=0, max=65535, help="Port to listen on; 0 picks a free one.  \\[env: STEPMILL_PORT]"),
]


def settings_of(**given: Any) -> Settings:
    """The settings: options that were given, then the environment, then defaults."""
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        faults = [
            f"STEPMILL_{str(fault['loc'][0]).upper()}: {fault['msg'][:1].lower()}{fault['msg'][1:]}"
            for fault in error.errors(include_input=False)
        ]
        raise ConfigurationError("invalid_settings", "Settings are not valid. " + "; ".join(faults)) from None

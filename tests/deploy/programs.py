"""What the files in `deploy` have in common: commands, settings and secrets of Stepmill's, held to the program."""

import importlib
import re
from collections.abc import Iterable, Mapping
from typing import get_args

from pydantic import SecretStr
from typer.main import get_command

from stepmill.cli.root import MODULES
from stepmill.settings import Settings
from tests.docs.pages import ROOT

DEPLOY = ROOT / "deploy"
PREFIX = "STEPMILL_"
SECRETS = {
    f"{PREFIX}{name.upper()}"
    for name, field in Settings.model_fields.items()
    if SecretStr in get_args(field.annotation)
}


def assert_command(arguments: Iterable[str]) -> None:
    """Stepmill has this command, and it takes these options."""
    name, *options = arguments
    get_command(importlib.import_module(MODULES[name]).app).make_context(name, options)


def option(arguments: Iterable[str], name: str) -> str | None:
    """The value of an option that is written as one word."""
    return next((each.split("=", 1)[1] for each in arguments if each.startswith(f"{name}=")), None)


def settings_of(environment: Mapping[str, str]) -> Settings:
    """The settings as the program reads them. Each variable that looks like one is one."""
    given = {name: value for name, value in environment.items() if name.startswith(PREFIX)}
    unknown = {name for name in given if name.removeprefix(PREFIX).lower() not in Settings.model_fields}
    assert unknown == set()
    return Settings(**{name.removeprefix(PREFIX).lower(): value for name, value in given.items()})  # type: ignore[arg-type]


def seconds(text: str) -> float:
    """A duration as Compose writes it: `30s`, `2m`."""
    match = re.fullmatch(r"(\d+)(s|m)", text)
    assert match is not None, text
    return float(match[1]) * (60 if match[2] == "m" else 1)

"""The pages on the command line, the client and the settings say what the program does."""

import importlib
import re
from collections.abc import Iterator

import pytest
from typer.main import get_command

from stepmill.cli.exit_codes import ExitCode
from stepmill.cli.root import COMMANDS
from stepmill.client import Client
from stepmill.settings import Settings
from tests.docs.pages import DOCS

CLI = (DOCS / "cli.md").read_text()
OPERATIONS = (DOCS / "operations.md").read_text()
CLIENT = (DOCS / "python-client.md").read_text()


@pytest.mark.parametrize("name", Settings.model_fields)
def test_each_setting_is_described(name: str) -> None:
    description = Settings.model_fields[name].description
    row = re.search(rf"^\| `STEPMILL_{name.upper()}` \| [^|]+ \| (.*) \|$", OPERATIONS, re.M)
    assert row, f"docs/operations.md lacks a row for STEPMILL_{name.upper()}"
    assert row[1] == description


@pytest.mark.parametrize(
    "name", [name for name, field in Settings.model_fields.items() if field.default and not field.default_factory]
)
def test_each_default_is_the_one_in_force(name: str) -> None:
    assert f"| `STEPMILL_{name.upper()}` | `{Settings.model_fields[name].default}` |" in OPERATIONS


def test_no_setting_is_described_that_is_not_there() -> None:
    described = re.findall(r"^\| `STEPMILL_(\w+)`", OPERATIONS, re.M)
    assert sorted(described) == sorted(name.upper() for name in Settings.model_fields)


def test_the_commands_are_those_there_are() -> None:
    assert re.findall(r"^\| `stepmill (\w+)` \|", CLI, re.M) == [entry.name for entry in COMMANDS]


def test_the_options_are_those_there_are() -> None:
    rows = re.findall(r"^\| `((?:jobs|tables) \w+|\w+)[^`]*` \| (.*--.*) \|$", CLI, re.M)
    described = {name: set(re.findall(r"`(--[\w-]+)`", options)) for name, options in rows}
    assert described == dict(_options())


def _options() -> Iterator[tuple[str, set[str]]]:
    for entry in COMMANDS:
        command = get_command(importlib.import_module(entry.module).app)
        for name, each in getattr(command, "commands", {"": command}).items():
            shown = [option for option in each.params if not getattr(option, "hidden", False)]
            names = {option.opts[0] for option in shown if option.opts[0].startswith("--")} - {"--help"}
            yield f"{entry.name} {name}".strip(), names


def test_the_exit_codes_are_those_there_are() -> None:
    assert [int(code) for code in re.findall(r"^\| (\d+) \|", CLI, re.M)] == [code.value for code in ExitCode]


def test_each_method_of_the_client_has_its_place() -> None:
    methods = {name for name, value in vars(Client).items() if callable(value) and not name.startswith("_")}
    described = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| \w.*\| (`.*) \|$", CLIENT, re.M))))
    assert methods - {"close"} == described

"""The page on architecture shows the layers that are enforced, and each package that there is."""

import configparser
import re

from tests.docs.pages import DOCS, ROOT, blocks

PAGE = DOCS / "architecture.md"


def test_the_layers_are_those_of_the_contract() -> None:
    contract = configparser.ConfigParser()
    contract.read(ROOT / ".importlinter")
    layers = contract["importlinter:contract:one-way"]["layers"].split("\n")
    shown = next(block for block in blocks(PAGE) if block.language == "layers")
    assert shown.text.splitlines() == [layer.strip() for layer in layers if layer.strip()]


def test_each_package_is_explained() -> None:
    rows = re.findall(r"^\| (`.*?) \|", PAGE.read_text().split("## Layers")[1], re.M)
    explained = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    source = ROOT / "src" / "stepmill"
    packages = {path.name for path in source.iterdir() if (path / "__init__.py").exists()}
    assert packages - {"samples"} <= explained

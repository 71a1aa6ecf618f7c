"""The error codes that the source can give, found by reading it.

A code is a text in the place of a parameter called `code`: of the errors in `stepmill.errors`, of any function or class
of ours that takes one, of a dictionary's key `code`, of a table called `…_CODES`, and of the
`jsonb_build_object('code', …)` in the migrations.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from stepmill import errors
from tests.docs.pages import ROOT

SOURCE = ROOT / "src" / "stepmill"
MIGRATIONS = SOURCE / "engine" / "migrations"

_CODE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_SQL_CODE = re.compile(r"'code', '(\w+)'")


@cache
def codes() -> dict[str, set[str]]:
    """Each code, with the modules that give it."""
    found: dict[str, set[str]] = {}
    trees = _trees()
    places = _error_classes() | dict(place for tree in trees.values() for place in _definitions(tree))
    for path, tree in trees.items():
        others = _others_of_the_name(tree, trees)
        for code in _given(tree, {name: place for name, place in places.items() if name not in others}):
            found.setdefault(code, set()).add(str(path.relative_to(SOURCE)))
    for path in sorted(MIGRATIONS.glob("*.sql")):
        for code in _SQL_CODE.findall(path.read_text()):
            found.setdefault(code, set()).add(str(path.relative_to(SOURCE)))
    return found


@cache
def statuses() -> dict[str, set[int]]:
    """The HTTP statuses of codes that are given to an error class by name."""
    found: dict[str, set[int]] = {}
    for tree in _trees().values():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
                status = getattr(getattr(errors, node.func.id, None), "status", None)
                if status is not None:
                    for code in _texts(node.args[0]):
                        found.setdefault(code, set()).add(status)
    return found


@cache
def _trees() -> dict[Path, ast.Module]:
    return {path: ast.parse(path.read_text()) for path in sorted(SOURCE.rglob("*.py"))}


def _others_of_the_name(tree: ast.Module, trees: dict[Path, ast.Module]) -> set[str]:
    """Names that a module defines or imports and that take no code, whatever others of the same name do.

    `Finding` is one thing to the readers and another to the doctor.
    """
    others = _defined(tree) - dict(_definitions(tree)).keys()
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module:
            source = trees.get(SOURCE.parent / f"{node.module.replace('.', '/')}.py")
            if source is not None:
                codeless = _defined(source) - dict(_definitions(source)).keys() - _error_classes().keys()
                others |= {alias.name for alias in node.names} & codeless
    return others


def _defined(tree: ast.Module) -> set[str]:
    kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in tree.body if isinstance(node, kinds)}


def _error_classes() -> dict[str, int]:
    return {name: 0 for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, Exception)}


def _definitions(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Functions with a parameter `code`, and classes with a field of that name, with its place among the arguments."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            names = [argument.arg for argument in node.args.args if argument.arg not in ("self", "cls")]
            if "code" in names:
                yield node.name, names.index("code")
        elif isinstance(node, ast.ClassDef):
            fields = [
                each.target.id
                for each in node.body
                if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name)
            ]
            if "code" in fields:
                yield node.name, fields.index("code")


def _given(tree: ast.AST, places: dict[str, int]) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            named = [keyword.value for keyword in node.keywords if keyword.arg == "code"]
            placed = node.args[places[name] : places[name] + 1] if name in places else []
            for value in (*named, *placed):
                yield from _texts(value)
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict) and _is_table(node.targets[0]):
            for value in node.value.values:
                yield from _texts(value)
        elif isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and key.value == "code":
                    yield from _texts(value)


def _is_table(target: ast.expr) -> bool:
    return isinstance(target, ast.Name) and target.id.endswith("_CODES")


def _texts(value: ast.expr) -> Iterator[str]:
    """The code itself, or both of `a if … else b`."""
    if isinstance(value, ast.IfExp):
        yield from _texts(value.body)
        yield from _texts(value.orelse)
    elif isinstance(value, ast.Constant) and isinstance(value.value, str) and _CODE.fullmatch(value.value):
        yield value.value

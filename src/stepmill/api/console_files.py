"""The console's files: where they are, which of them are served, and the policy that its page is served under.

In a package they lie beside the code; in a checkout, which is installed as it is, in folders of their own.
"""

import base64
import hashlib
import os
import re
from pathlib import Path

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import NotModifiedResponse, StaticFiles
from starlette.types import Scope

import stepmill

_PACKAGE = Path(stepmill.__file__).parent
_CHECKOUT = _PACKAGE.parents[1]
_SERVED = frozenset({"main.js", "theme.js", "icon.svg", "lib", "models", "views", "style", "vendor"})
_FOR_OTHERS = frozenset({"node.js", "service.js", "types.js"})
"""Parts of the JavaScript client that no browser needs."""

_SUFFIXES = frozenset({".js", ".css", ".svg"})
_COMMENTED = _SUFFIXES - {".svg"}
_COMMENT = re.compile(
    r"""
    ("(?:[^"\\\n]|\\.)*")               # a text, which stays
    | ^[ \t]*/\*(?:(?!\*/).)*\*/[ \t]*\n   # on lines of its own
    | ^[ \t]*//[^\n]*\n                    # the same, in the other form
    | /\*(?:(?!\*/).)*\*/[ ]?             # within a line
    """,
    re.DOTALL | re.MULTILINE | re.VERBOSE,
)
_INDENTATION = re.compile(r"^[ \t\n]+", re.MULTILINE)
_STYLE_SPACE = re.compile(r"\s*([{};,])\s*|(?<=:)\s+")
_IMPORT_MAP = re.compile(r'<script type="importmap">(.*?)</script>', re.DOTALL)
_POLICY = (
    "default-src 'none'; script-src 'self'{inline}; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)


def _folder(in_package: str, in_checkout: str) -> Path:
    packed = _PACKAGE / in_package
    return packed if packed.is_dir() else _CHECKOUT / in_checkout


CONSOLE = _folder("console", "console")
CLIENT = _folder("console/client", "clients/javascript/src")


def page_policy(html: str = "") -> str:
    """A Content-Security-Policy that lets the browser load from here only and run no inline script.

    An import map can't stand in a file, so the one in ``html`` is allowed by its hash.
    """
    found = _IMPORT_MAP.search(html)
    if found is None:
        return _POLICY.format(inline="")
    digest = base64.b64encode(hashlib.sha256(found[1].encode()).digest()).decode()
    return _POLICY.format(inline=f" 'sha256-{digest}'")


def bare(text: str) -> str:
    """A script or a style of ours without its comments and indentation.

    A text between double quotes may hold what looks like a comment, as a pattern of paths does; a template may not, nor
    one of its lines begin with spaces that matter.
    """
    return _INDENTATION.sub("", _COMMENT.sub(lambda found: found[1] or "", text))


def bare_style(text: str) -> str:
    """A style of ours without its comments and the spaces that say nothing. None has a text with such a mark in it."""
    return _STYLE_SPACE.sub(lambda found: found[1] or "", bare(text)).replace(";}", "}")


class ConsoleFiles(StaticFiles):
    """Files of one folder, of which some are served. A browser asks each time whether a file is still the same.

    What is written here is sent without its comments and indentation, which are a third of it: types and reasons are
    for readers of the source. A library is sent as it is, with its licence.
    """

    def __init__(self, directory: Path, *, only: frozenset[str] | None = None, never: frozenset[str] = frozenset()):
        super().__init__(directory=directory)
        self._only = only
        self._never = never

    async def get_response(self, path: str, scope: Scope) -> Response:
        """One file. Raises HTTPException 404."""
        first = Path(path).parts[:1]
        is_known = bool(first) and first[0] not in self._never and (self._only is None or first[0] in self._only)
        if not is_known or Path(path).suffix not in _SUFFIXES:
            raise HTTPException(404)
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "no-cache"
        return response

    def file_response(
        self, full_path: "os.PathLike[str] | str", stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """The file's answer, or 304 if the browser has it."""
        path = Path(full_path)
        as_it_is = super().file_response(full_path, stat_result, scope, status_code)
        if path.suffix not in _COMMENTED or path.parent.name == "vendor" or as_it_is.status_code != status_code:
            return as_it_is
        headers = {name: as_it_is.headers[name] for name in ("etag", "last-modified")}
        make_bare = bare_style if path.suffix == ".css" else bare
        text = make_bare(path.read_text(encoding="utf-8"))
        response = Response(text, status_code, headers, media_type=as_it_is.media_type)
        if self.is_not_modified(response.headers, Headers(scope=scope)):
            return NotModifiedResponse(response.headers)
        return response


def console_files() -> ConsoleFiles:
    """What ``index.html`` and its modules ask for."""
    return ConsoleFiles(CONSOLE, only=_SERVED)


def client_files() -> ConsoleFiles:
    """The JavaScript client, as the console imports it."""
    return ConsoleFiles(CLIENT, never=_FOR_OTHERS)

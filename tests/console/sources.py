"""The console's files as text: what they import, what their code says, whom they name."""

import posixpath
import re
from dataclasses import dataclass
from pathlib import Path

from stepmill.api.console_files import CONSOLE, bare

_IMPORTS = (
    re.compile(r"""^\s*(?:import|export)\b[^;"']*?\bfrom\s*["']([^"']+)["']""", re.MULTILINE),
    re.compile(r"""^\s*import\s*["']([^"']+)["']""", re.MULTILINE),
    re.compile(r"""\bimport\(\s*["']([^"']+)["']\s*\)"""),
)
_HOST = re.compile(r"""(?:\b[a-z]+:|(?<=["'`(\s]))//(?=[a-z0-9\[])[^\s"'`)>]+""", re.IGNORECASE)
_NAMESPACE = re.compile(r"https?://www\.w3\.org/")
"""Names of formats, which no browser asks for."""


@dataclass(frozen=True)
class Source:
    """One file, by its path in the console."""

    path: str
    text: str

    @property
    def folder(self) -> str:
        """Its first folder; nothing for what lies at the top."""
        return self.path.partition("/")[0] if "/" in self.path else ""

    @property
    def code(self) -> str:
        """The text without comments."""
        return bare(self.text)

    def imports(self) -> list[str]:
        """What a module imports: a path in the console, or a name of the import map."""
        return [self._resolve(name) for pattern in _IMPORTS for name in pattern.findall(self.code)]

    def hosts(self) -> list[str]:
        """Addresses of other hosts."""
        return [each for each in _HOST.findall(self.text) if not _NAMESPACE.match(each)]

    def _resolve(self, name: str) -> str:
        return posixpath.normpath(posixpath.join(posixpath.dirname(self.path), name)) if name[0] == "." else name


def console_files() -> list[Path]:
    """Everything in the console's folder that belongs to it."""
    return sorted(path for path in CONSOLE.rglob("*") if path.is_file() and "node_modules" not in path.parts)


def read(path: Path) -> Source:
    """A file of the console."""
    return Source(path.relative_to(CONSOLE).as_posix(), path.read_text(encoding="utf-8"))


def written_here(*suffixes: str) -> list[Source]:
    """The files that no tool has made and no library has brought, or those of them with the endings given."""
    found = [path for path in console_files() if path.name != "package-lock.json" and path.parent.name != "vendor"]
    return [read(path) for path in found if not suffixes or path.suffix in suffixes]

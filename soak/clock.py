"""Moves the clock of a process: by libfaketime (Debian's package `faketime`), or else Python's `time.time` alone."""

from pathlib import Path

_LIBRARIES = "usr/lib/*/faketime/libfaketime.so.1"


def moved_clock(file: Path) -> dict[str, str]:
    """The environment of a process whose clock is moved by what the file says."""
    library = next(Path("/").glob(_LIBRARIES), None)
    if library is None:
        return {"SOAK_CLOCK_FILE": str(file)}
    if not file.exists():
        move_clock(file, 0)
    return {
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(file),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }


def move_clock(file: Path, seconds: int) -> None:
    """Let it be so many seconds later there than it is."""
    draft = file.with_suffix(".new")
    draft.write_text(f"{seconds:+d}\n")
    draft.replace(file)

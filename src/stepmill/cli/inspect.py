"""`stepmill inspect`: how files would be read, without loading them."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.markup import escape

from stepmill.cli.exit_codes import ExitCode
from stepmill.cli.failures import command, report
from stepmill.cli.options import JsonOption
from stepmill.cli.output import out
from stepmill.cli.show_inspected import show_inspected
from stepmill.errors import StepmillError
from stepmill.etl.readers.codecs import without_suffix
from stepmill.etl.readers.decoded import decoding_for_now
from stepmill.etl.readers.detect import Detected, detect_source
from stepmill.gateways.blobs import BlobLocation
from stepmill.planning.as_csv import write_as_csv
from stepmill.planning.preview import preview_detected

app = typer.Typer(add_completion=False)


@app.command()
@command
def inspect(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", exists=True, dir_okay=False, readable=True, help="Files to look at."),
    ],
    rows: Annotated[int, typer.Option(min=1, max=500, help="How many of each one's rows to show.")] = 5,
    as_csv: Annotated[
        Path | None,
        typer.Option("--as-csv", metavar="DIR", file_okay=False, help="Write each there as it was read, as NAME.csv."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show how files would be read: format, header, columns and their types, and what is odd. Needs no server."""
    targets = _targets(files, as_csv) if as_csv is not None else [None] * len(files)
    found: list[dict[str, Any]] = []
    worst = ExitCode.DONE
    for file, target in zip(files, targets, strict=True):
        try:
            found.append(_inspect(file, rows, target, as_json=as_json))
        except StepmillError as error:
            worst = ExitCode.REFUSED
            found.append({"name": file.name, "error": error.as_json()})
            if not as_json:
                report(error, as_json=False)
    if as_json:
        typer.echo(orjson.dumps(found).decode())
    raise typer.Exit(worst)


def _inspect(file: Path, rows: int, target: Path | None, *, as_json: bool) -> dict[str, Any]:
    """Look at one file, write it and tell of it as it was asked for."""
    location = BlobLocation(f"file://{file.absolute()}")
    with decoding_for_now() as decoding:
        return _tell(file, detect_source(location, file.name, decoding), rows, target, as_json=as_json)


def _tell(file: Path, detected: Detected, rows: int, target: Path | None, *, as_json: bool) -> dict[str, Any]:
    if target is not None:
        written = _write(detected, target)
        if not as_json:
            out().print(f"[green]✓[/] {escape(str(file))} → {escape(str(target))}, {written:,} rows", soft_wrap=True)
            return {}
    told = preview_detected(detected, rows)
    if not as_json:
        show_inspected(out(), {"name": file.name, **told, "columns": [orjson.loads(each) for each in told["columns"]]})
        return {}
    return {"name": file.name, **told, "columns": [orjson.Fragment(each) for each in told["columns"]]}


def _write(detected: Detected, target: Path) -> int:
    """Write it whole or not at all. Returns the number of rows."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}-", delete=False) as file:
        part = Path(file.name)
        try:
            rows = write_as_csv(detected, file)
            file.flush()
            part.chmod(0o644)
            part.replace(target)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
    return rows


def _targets(files: Sequence[Path], folder: Path) -> list[Path]:
    """`data.csv` becomes `data.csv`, and so does `data.json.gz`, unless another has that name: then its own is kept."""
    taken: set[str] = set()
    targets = []
    for file in files:
        stem = without_suffix(file.name)
        stem = stem.rpartition(".")[0] or stem
        names = (f"{stem}.csv", f"{file.name}.csv", *(f"{file.name}-{n}.csv" for n in range(2, len(files) + 2)))
        name = next(name for name in names if name not in taken)
        taken.add(name)
        targets.append(folder / name)
    return targets

"""Files, profiles and plans for tests of the rules, all in memory."""

import csv
import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import fsspec

from stepmill.etl.plan.compile import compile_plan
from stepmill.etl.plan.model import PlanColumn, TransformPlan
from stepmill.etl.plan.parse import dump_plan, parse_plan
from stepmill.etl.plan.source import SourceFormat
from stepmill.etl.profile import SourceProfile
from stepmill.etl.profile.source import SourceWatch
from stepmill.etl.readers.block import Reject
from stepmill.etl.readers.read import read_blocks
from stepmill.etl.typed import apply_plan
from stepmill.gateways.blobs import BlobLocation
from stepmill.planning.rules import make_plan

LOCATION = BlobLocation("memory://rules.csv")


def write_file(columns: dict[str, Sequence[str]]) -> SourceFormat:
    """Put a CSV of these columns where LOCATION says."""
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    fsspec.filesystem("memory").pipe("/rules.csv", text.getvalue().encode())
    return SourceFormat(format="csv", delimiter=",", quote='"', header_rows=1, columns=tuple(columns))


def profile_in_blocks(source: SourceFormat, block_bytes: int = 4_000_000) -> SourceProfile:
    """The profile of the file at LOCATION, read in blocks of this size."""
    watch = SourceWatch(source.columns)
    with ThreadPoolExecutor(2) as pool:
        for block in read_blocks(LOCATION, source, block_bytes=block_bytes):
            watch.look(block, pool)
    return watch.profile()


@dataclass(frozen=True)
class Loaded:
    """What the rules make of a file: the plan, and the rows it gives of the same file."""

    plan: TransformPlan
    profile: SourceProfile
    rows: list[tuple[object, ...]]
    lines: list[int]
    rejects: list[Reject]

    def column(self, name: str) -> PlanColumn:
        """The column of this physical name."""
        return self.plan.column(name)

    def values(self, name: str) -> list[object]:
        """The values of a column."""
        index = [column.name for column in self.plan.columns].index(name)
        return [row[index] for row in self.rows]

    def codes(self) -> set[str]:
        """The codes of the plan's notes."""
        return {note.code for note in self.plan.notes}


def load(columns: dict[str, Sequence[str]], block_bytes: int = 4_000_000) -> Loaded:
    """Profile, plan and type a file of these columns; the plan goes through JSON on the way."""
    source = write_file(columns)
    profile = profile_in_blocks(source, block_bytes)
    plan = make_plan(source, profile)
    assert parse_plan(dump_plan(plan)) == plan
    rows: list[tuple[object, ...]] = []
    lines: list[int] = []
    rejects: list[Reject] = []
    for block in read_blocks(LOCATION, source, block_bytes=block_bytes):
        typed = apply_plan(compile_plan(plan), block)
        rows += typed.frame.rows()
        lines += typed.lines.to_list()
        rejects += typed.rejects
    assert len(rows) + len(rejects) == profile.rows + profile.rejects
    return Loaded(plan, profile, rows, lines, rejects)


def planned(texts: Sequence[str], name: str = "c") -> PlanColumn:
    """What a single column becomes; all of its values must load."""
    loaded = load({name: texts, "row": [str(index) for index in range(len(texts))]})
    assert loaded.rejects == []
    return loaded.plan.columns[0]


def sql_type(texts: Sequence[str], name: str = "c") -> str:
    """The type in SQL of a single column."""
    return planned(texts, name).target.sql

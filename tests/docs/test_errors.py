"""Each code that the product can give has one place in the pages, and the pages name no code that it can't give."""

import inspect
import re
from collections import Counter

from stepmill.cli import doctor as doctor_command
from stepmill.engine import doctor
from tests.docs.codes import codes, statuses
from tests.docs.pages import DOCS, section

ERRORS = (DOCS / "errors.md").read_text()
OF_FILES = section(DOCS / "jobs" / "file-etl.md", "Errors")
OF_WAITING = section(DOCS / "engine.md", "Why is it waiting?")
OF_DOCTOR = section(DOCS / "operations.md", "Doctor")

_ROW = re.compile(r"^\| `(\w+)` \|", re.M)


def test_each_code_has_one_place() -> None:
    described = Counter(code for text in (ERRORS, OF_FILES, OF_WAITING) for code in _ROW.findall(text))
    missing = {code: places for code, places in codes().items() if code not in described}
    assert not missing
    assert sorted(described - Counter(set(described))) == []  # none is there twice
    assert sorted(set(described) - set(codes())) == []


def test_each_status_is_the_one_that_is_answered() -> None:
    said = {code: int(status) for code, status in re.findall(r"^\| `(\w+)` \| (\d{3}) \|", ERRORS, re.M)}
    answered = {code: status for code, status in statuses().items() if code in said}
    assert {code: said[code] for code in answered} == {code: min(status) for code, status in answered.items()}


def test_the_doctors_checks_are_those_there_are() -> None:
    source = inspect.getsource(doctor) + inspect.getsource(doctor_command)
    assert set(re.findall(r'Finding\(\s*"([\w ]+)"', source)) == set(
        re.findall(r"^\| ([\w ]+) \|", OF_DOCTOR, re.M)
    ) - {"check"}

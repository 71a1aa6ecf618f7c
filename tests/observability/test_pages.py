"""The page, the alert rules and the dashboard name the metrics that the processes show, with the labels they have."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.docs.pages import DOCS, ROOT
from tests.observability.exposed import Shown, exposed

PAGE = DOCS / "observability.md"
RULES = ROOT / "deploy" / "prometheus" / "rules.yaml"
DASHBOARD = ROOT / "deploy" / "grafana" / "stepmill.json"

_METRIC = re.compile(r"\b(?:stepmill|process)_[a-z_]+")
_SELECTOR = re.compile(r"\{([^}]*)\}")
_GROUPING = re.compile(r"\b(?:by|on|without|ignoring|group_left|group_right)\s*\(([^)]*)\)")
_DURATION = re.compile(r"\d+[smhd]")
_OF_EVERY_SERIES = {"job", "instance", "le"}
_OF_THE_CLIENT = {"process_resident_memory_bytes", "process_cpu_seconds_total", "process_start_time_seconds"}


def row(metric: Shown) -> str:
    """The metric's row in the page's table."""
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    return f"| `{metric.name}` | {metric.kind} | {labels} | {metric.where} | {metric.meaning} |"


def test_the_page_has_each_metric_as_the_code_has_it() -> None:
    rows = re.findall(r"^\| `stepmill_.*$", PAGE.read_text(), re.M)
    assert rows == [row(metric) for metric in exposed()]


def test_the_rules_are_rules() -> None:
    document = yaml.safe_load(RULES.read_text())
    assert document.keys() == {"groups"}
    names = [group["name"] for group in document["groups"]]
    assert len(set(names)) == len(names)
    for group in document["groups"]:
        assert group.keys() <= {"name", "interval", "rules"}
        for rule in group["rules"]:
            if "record" in rule:
                assert rule.keys() == {"record", "expr"}
                assert re.fullmatch(r"[a-z_]+(:[a-z_]+)+", rule["record"])
            else:
                _assert_alert(rule)


def _assert_alert(rule: dict[str, Any]) -> None:
    assert rule.keys() == {"alert", "expr", "for", "labels", "annotations"}
    assert re.fullmatch(r"Stepmill[A-Z][A-Za-z]+", rule["alert"])
    assert _DURATION.fullmatch(rule["for"])
    assert rule["labels"].keys() == {"severity"}
    assert rule["labels"]["severity"] in ("critical", "warning", "info")
    assert rule["annotations"].keys() == {"summary", "description"}


def test_the_page_explains_each_alert() -> None:
    rules = [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
    assert re.findall(r"^\| `(Stepmill\w+)` \|", PAGE.read_text(), re.M) == [r["alert"] for r in rules if "alert" in r]
    for rule in rules:
        if "record" in rule:
            assert f"`{rule['record']}`" in PAGE.read_text()


def test_the_dashboard_is_one() -> None:
    dashboard = json.loads(DASHBOARD.read_text())
    assert dashboard["uid"] == "stepmill"
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    for panel in panels:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        if panel["type"] != "row":
            assert panel["title"]
            assert panel["description"]
            assert panel["targets"]
            assert all(target["datasource"]["uid"] == "${datasource}" for target in panel["targets"])
    assert {variable["name"] for variable in dashboard["templating"]["list"]} == {"datasource", "type"}


def _expressions() -> Iterator[tuple[str, str]]:
    for group in yaml.safe_load(RULES.read_text())["groups"]:
        for rule in group["rules"]:
            yield rule.get("alert") or rule["record"], str(rule["expr"])
    dashboard = json.loads(DASHBOARD.read_text())
    for panel in dashboard["panels"]:
        for number, target in enumerate(panel.get("targets", ())):
            yield f"{panel['title']} {number}", target["expr"]
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["name"], re.sub(r"label_values\((\w+), *(\w+)\)", r"sum by (\2) (\1)", variable["query"])


@pytest.mark.parametrize(("place", "expression"), [pytest.param(*each, id=each[0]) for each in _expressions()])
def test_what_is_asked_for_is_there(place: str, expression: str) -> None:
    known = {name: metric for metric in exposed() for name in _series(metric)}
    used = set(_METRIC.findall(_GROUPING.sub("", _SELECTOR.sub("", expression))))
    assert used, place
    assert used - known.keys() <= _OF_THE_CLIENT, place
    labels = {label for name in used & known.keys() for label in known[name].labels} | _OF_EVERY_SERIES
    named = [
        name.split("=")[0].rstrip("!~").strip() for found in _SELECTOR.findall(expression) for name in found.split(",")
    ]
    named += [name.strip() for found in _GROUPING.findall(expression) for name in found.split(",")]
    assert {name for name in named if name} <= labels, place
    for opened, closed in ("()", "{}", "[]"):
        assert expression.count(opened) == expression.count(closed), place
    for name in used & known.keys():
        if known[name].kind == "counter":  # a counter as it stands says nothing
            assert re.search(rf"(?:rate|increase)\({name}\b", expression), place


def _series(metric: Shown) -> list[str]:
    if metric.kind == "histogram":
        return [f"{metric.name}{part}" for part in ("_bucket", "_sum", "_count")]
    return [metric.name]

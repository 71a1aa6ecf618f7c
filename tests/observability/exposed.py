"""Every metric that a process of Stepmill shows, as the code has it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.metrics_core import Metric

from stepmill.api.observe import HttpMetrics
from stepmill.engine.metrics import EngineMetrics
from stepmill.engine.queue_figures import QueueFigures
from stepmill.gateways.sql.database import Database
from stepmill.gateways.sql.pool_metrics import PoolCollector
from tests.support.engine import Bench


@dataclass(frozen=True)
class Shown:
    """One metric, by the name that its samples have, parts of a histogram aside."""

    name: str
    kind: str
    labels: tuple[str, ...]
    meaning: str
    where: str  # api, worker or both


def exposed() -> list[Shown]:
    """All of them, in the order of the page."""
    database = Database("host=nowhere", application_name="tests")
    with TemporaryDirectory() as folder:
        figures = QueueFigures(Bench(database, Path(folder), ()).engine)
    engine, worker, http = CollectorRegistry(), CollectorRegistry(), CollectorRegistry()
    EngineMetrics(engine)
    EngineMetrics(worker).watch_slots(1, lambda: 0)
    HttpMetrics(http)
    of_both = list(_shown(_collectors(engine), "both"))
    only_worker = [each for each in _shown(_collectors(worker), "worker") if each.name.startswith("stepmill_slots")]
    return [
        *_shown([figures], "api"),
        *of_both,
        *only_worker,
        *_shown(_collectors(http), "api"),
        *_shown([PoolCollector(database)], "both"),
    ]


def _collectors(registry: CollectorRegistry) -> list[Any]:
    return list(registry._collector_to_names)


def _shown(collectors: Iterable[Any], where: str) -> Iterator[Shown]:
    for collector in collectors:
        labels = tuple(collector._labelnames) if isinstance(collector, MetricWrapperBase) else None
        for family in collector.describe():
            yield _one(family, labels, where)


def _one(family: Metric, labels: tuple[str, ...] | None, where: str) -> Shown:
    name = f"{family.name}_total" if family.type == "counter" else family.name
    of_family: tuple[str, ...] = tuple(getattr(family, "_labelnames", ()))
    return Shown(name, family.type, of_family if labels is None else labels, family.documentation, where)

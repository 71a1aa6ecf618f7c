"""The database's connection pools of this process, as metrics."""

from collections.abc import Iterable, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from stepmill.gateways.sql.database import Database

_GAUGES = {
    "stepmill_pool_connections": ("pool_size", "Connections in the pool."),
    "stepmill_pool_connections_idle": ("pool_available", "Connections of the pool that nobody uses."),
    "stepmill_pool_connections_max": ("pool_max", "Connections that the pool may have."),
    "stepmill_pool_waiting": ("requests_waiting", "Who waits for a connection now."),
}
_COUNTERS = {
    "stepmill_pool_requests": ("requests_num", 1.0, "Times that a connection was asked for."),
    "stepmill_pool_wait_seconds": ("requests_wait_ms", 0.001, "Time spent waiting for a connection."),
    "stepmill_pool_errors": ("requests_errors", 1.0, "Times that no connection came in time."),
}


class PoolCollector(Collector):
    """Asks the pools when it is scraped."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def describe(self) -> Iterable[Metric]:
        """The metrics without their figures."""
        return self._families({})

    def collect(self) -> Iterable[Metric]:
        """The figures of now."""
        return self._families(self._database.pool_stats())

    def _families(self, stats: Mapping[str, Mapping[str, int]]) -> Iterable[Metric]:
        for name, (key, meaning) in _GAUGES.items():
            gauge = GaugeMetricFamily(name, meaning, labels=["pool"])
            for pool, figures in stats.items():
                gauge.add_metric([pool], figures.get(key, 0))
            yield gauge
        for name, (key, factor, meaning) in _COUNTERS.items():
            counter = CounterMetricFamily(name, meaning, labels=["pool"])
            for pool, figures in stats.items():
                counter.add_metric([pool], figures.get(key, 0) * factor)
            yield counter

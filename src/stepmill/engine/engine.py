"""The engine's parts, built once by the composition root and handed to its verbs."""

from dataclasses import dataclass, field

from stepmill.engine.metrics import EngineMetrics
from stepmill.engine.notify import Notifier
from stepmill.engine.registry import Registry
from stepmill.gateways.shares import TenantShares
from stepmill.gateways.sql.database import Database
from stepmill.settings import Settings

_SEARCHES_OF_TENANT = 2
_SEARCH_WAITS_SECONDS = 10.0


def _searches() -> TenantShares:
    return TenantShares(_SEARCHES_OF_TENANT, "searches", wait_seconds=_SEARCH_WAITS_SECONDS)


@dataclass(frozen=True)
class Engine:
    """What submit, cancel, retry, reads and workers need. ``searches`` read all jobs of a tenant, so few do at once."""

    database: Database
    registry: Registry
    notifier: Notifier
    settings: Settings
    metrics: EngineMetrics = field(default_factory=EngineMetrics, repr=False)
    searches: TenantShares = field(default_factory=_searches, repr=False)

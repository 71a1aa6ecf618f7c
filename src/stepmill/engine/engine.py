"""The engine's parts, built once by the composition root and handed to its verbs."""

from dataclasses import dataclass, field

from stepmill.engine.metrics import EngineMetrics
from stepmill.engine.notify import Notifier
from stepmill.engine.registry import Registry
from stepmill.gateways.sql.database import Database
from stepmill.settings import Settings


@dataclass(frozen=True)
class Engine:
    """What submit, cancel, retry, reads and workers need."""

    database: Database
    registry: Registry
    notifier: Notifier
    settings: Settings
    metrics: EngineMetrics = field(default_factory=EngineMetrics, repr=False)

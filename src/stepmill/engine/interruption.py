"""Why an attempt must stop what it does."""

import asyncio
from dataclasses import dataclass, field


@dataclass
class Interruption:
    """Why an attempt must stop what it does now: ``cancelled``, ``lost`` or ``shutdown``."""

    reason: str | None = None
    happened: asyncio.Event = field(default_factory=asyncio.Event)

    def raise_it(self, reason: str) -> None:
        """Interrupt, unless the attempt was interrupted already."""
        if self.reason is None:
            self.reason = reason
            self.happened.set()

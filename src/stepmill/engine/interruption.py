"""Why an attempt must stop what it does."""

import asyncio
from dataclasses import dataclass, field


@dataclass
class Interruption:
    """Why an attempt must stop what it does now: ``cancelled``, ``lost`` or ``shutdown``."""

    reason: str | None = None
    happened: "asyncio.Future[None]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def raise_it(self, reason: str) -> None:
        """Interrupt, unless the attempt was interrupted already."""
        if self.reason is None:
            self.reason = reason
            self.happened.set_result(None)

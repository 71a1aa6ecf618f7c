"""SIGTERM and SIGINT as an event: the first asks for an orderly end, the second for one at once."""

import asyncio
import os
import signal


class StopSignals:
    """`asked` is set by the first signal; the second ends the process, and all that hangs on it, at once."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._take, number)

    def _take(self, number: int) -> None:
        if self.asked.is_set():
            os._exit(128 + number)
        self.asked.set()

"""A transport for tests of a connection without a network."""

import asyncio
from typing import Any


class Transport(asyncio.Transport):
    """One whose client takes what the test says."""

    def __init__(self) -> None:
        super().__init__()
        self.unread = 0
        self.closing = self.aborted = False
        self.written = bytearray()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def get_write_buffer_size(self) -> int:
        return self.unread

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        self.closing = True

    def abort(self) -> None:
        self.aborted = True

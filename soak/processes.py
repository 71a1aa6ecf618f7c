"""What is done to processes: killed, told to end, frozen and woken."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from random import Random
from signal import SIGQUIT

import psutil

from soak.deployment import Deployment

Wait = Callable[[tuple[float, float]], None]


class Hands:
    """Lays hands on the processes of a deployment. The acts answer whether there was anything to act on."""

    def __init__(self, deployment: Deployment, random: Random, wait: Wait) -> None:
        self._deployment = deployment
        self._random = random
        self._wait = wait

    def postgres(self) -> psutil.Process | None:
        """The main process of PostgreSQL."""
        pid = self._deployment.postgres.pid
        return psutil.Process(pid) if pid and self._deployment.postgres.running else None

    def backend(self) -> psutil.Process | None:
        """One of the processes of PostgreSQL that work for a client."""
        server = self.postgres()
        backends = [each for each in server.children() if "stepmill" in "".join(each.cmdline())] if server else []
        return self._random.choice(backends or [None])

    def kill(self, process: psutil.Process | None) -> bool:
        """End it as a crash would."""
        if process is not None:
            process.kill()
        return process is not None

    def terminate(self, process: psutil.Process | None) -> bool:
        """Ask it to end."""
        if process is not None:
            process.terminate()
        return process is not None

    def stop_postgres_at_once(self) -> bool:
        """What `pg_ctl stop -m immediate` does: no checkpoint, no farewell. The keeper starts it again."""
        server = self.postgres()
        if server is not None:
            server.send_signal(SIGQUIT)
        return server is not None

    def freeze(self, processes: Sequence[psutil.Process], seconds: tuple[float, float]) -> bool:
        """Stop them, wait, let them go on."""
        for process in processes:
            with suppress(psutil.Error):
                process.suspend()
        self._wait(seconds)
        for process in processes:
            with suppress(psutil.Error):
                process.resume()
        return bool(processes)

    @staticmethod
    def known(process: psutil.Process | None) -> list[psutil.Process]:
        """It, if there is one."""
        return [process] if process is not None else []

    @staticmethod
    def family(process: psutil.Process | None) -> list[psutil.Process]:
        """It and all below it."""
        return [process, *process.children(recursive=True)] if process is not None else []

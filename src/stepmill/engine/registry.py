"""The job types of an installation, found and never listed.

Every module of ``stepmill.jobs`` and every entry point of the group ``stepmill.job_types`` gives one ``JOB_TYPE``.
"""

import importlib
import importlib.metadata
import pkgutil
from collections.abc import Iterable, Iterator
from types import ModuleType

from stepmill.engine.job_type import JobType
from stepmill.errors import ConfigurationError

ENTRY_POINT_GROUP = "stepmill.job_types"


class Registry:
    """Job types by name."""

    def __init__(self, job_types: Iterable[JobType]) -> None:
        """Raises :class:`ConfigurationError` when two job types have one name."""
        self._by_name: dict[str, JobType] = {}
        for job_type in job_types:
            if job_type.name in self._by_name:
                raise ConfigurationError("job_type_repeated", f"Two job types are called {job_type.name}.")
            self._by_name[job_type.name] = job_type

    def get(self, name: str) -> JobType | None:
        """The job type called ``name``, or None."""
        return self._by_name.get(name)

    @property
    def names(self) -> list[str]:
        """All names, sorted."""
        return sorted(self._by_name)

    def __iter__(self) -> Iterator[JobType]:
        return iter(self._by_name[name] for name in self.names)


def find_job_types(package: ModuleType) -> Iterator[JobType]:
    """The ``JOB_TYPE`` of each module of ``package`` and of each installed entry point.

    Raises :class:`ConfigurationError` for a module without one, or an entry point that can't be loaded.
    """
    for module_info in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{module_info.name}")
        yield _job_type_of(f"module {module.__name__}", getattr(module, "JOB_TYPE", None))
    for entry_point in importlib.metadata.entry_points(group=ENTRY_POINT_GROUP):
        try:
            found = entry_point.load()
        except Exception as error:
            raise ConfigurationError(
                "job_type_unloadable", f"The entry point {entry_point.value!r} can't be loaded: {error}"
            ) from error
        yield _job_type_of(f"entry point {entry_point.value!r}", found)


def _job_type_of(where: str, found: object) -> JobType:
    if isinstance(found, JobType):
        return found
    raise ConfigurationError("job_type_missing", f"The {where} must give a JobType as JOB_TYPE.")

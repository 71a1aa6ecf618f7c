"""What a job type is: its params, its steps and the lock it needs, as plain data."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

if TYPE_CHECKING:
    from stepmill.engine.context import StepContext


class JsonModel(BaseModel):
    """A pydantic model whose JSON is camelCase; unknown fields are refused."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)


class EnvParams(JsonModel):
    """Params every job type has. A job type adds its own."""

    env_id: str = Field(min_length=1, max_length=200, description="The environment the job works in.")
    tenant_id: str | None = Field(
        default=None,
        max_length=200,
        description="The caller's tenant; another one is refused. Filled in when left out.",
    )


class Output(JsonModel):
    """What a finished step leaves for later steps and for the job's readers: small JSON data."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore", frozen=True)


@dataclass(frozen=True)
class Step:
    """One named step. ``run`` gets a :class:`StepContext` and returns its output.

    An ``always`` step runs whatever happened before it: success, error, cancel or crash.
    ``timeout_seconds`` ends the step in a retryable error ``timeout``.
    """

    name: str
    run: Callable[["StepContext[Any]"], Awaitable[Output]]
    always: bool = False
    timeout_seconds: float | None = None


@dataclass(frozen=True)
class JobType:
    """A type of job: one module of ``stepmill.jobs`` (or an entry point) holds one as ``JOB_TYPE``.

    ``lock`` gives the key that only one job at a time may hold; ``lock_span`` names the first and the last step it
    spans (all steps by default). ``lock_document`` may name a document (collection, id) that is locked with it.
    ``result_step`` names the step whose output is the job's result (by default the last
    step that is not an always-step). ``timeout_seconds`` is per attempt.
    """

    name: str
    description: str
    params: type[EnvParams]
    steps: tuple[Step, ...]
    lock: Callable[[Any], str] | None = None
    lock_span: tuple[str, str] | None = None
    lock_document: Callable[[Any], tuple[str, str] | None] | None = None
    timeout_seconds: float | None = None
    max_attempts: int = 5
    result_step: str | None = None

    def __post_init__(self) -> None:
        names = [step.name for step in self.steps]
        if not names:
            raise ValueError(f"Job type {self.name} has no steps.")
        if len(set(names)) != len(names):
            raise ValueError(f"Job type {self.name} names a step twice: {names}.")
        for name in (*(self.lock_span or ()), *([self.result_step] if self.result_step else [])):
            if name not in names:
                raise ValueError(f"Job type {self.name} names a step {name!r} that it does not have.")

    def step_index(self, name: str) -> int:
        """Position of the step called ``name``, from 0. Raises ``StopIteration`` when there is none."""
        return next(index for index, step in enumerate(self.steps) if step.name == name)

    @property
    def lock_range(self) -> tuple[int, int]:
        """First and last step index that the lock spans."""
        if self.lock_span is None:
            return 0, len(self.steps) - 1
        return self.step_index(self.lock_span[0]), self.step_index(self.lock_span[1])

    @property
    def result_index(self) -> int:
        """Index of the step whose output becomes the job's result."""
        if self.result_step is not None:
            return self.step_index(self.result_step)
        plain = [index for index, step in enumerate(self.steps) if not step.always]
        return plain[-1] if plain else len(self.steps) - 1

    def params_schema(self) -> dict[str, Any]:
        """JSON Schema of the params, in camelCase."""
        return self.params.model_json_schema(by_alias=True)

"""All settings: one typed model, read from ``STEPMILL_…`` environment variables.

Each field is documented in ``docs/operations.md``; a test compares the two.
"""

import math
import os
from pathlib import Path
from typing import Annotated

import platformdirs
from pydantic import BeforeValidator, Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

_BEATS_MISSED = 2.5
"""So many beats' time a worker may be silent at least, before it counts as dead."""


def default_data_dir() -> Path:
    """Where a server without ``--data-dir`` keeps its database and files.

    As root the home folder is closed to the system user that runs PostgreSQL, so ``/var/lib`` is used.
    """
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return Path("/var/lib/stepmill")
    return Path(platformdirs.user_data_dir("stepmill"))


def available_cores(quota: Path = Path("/sys/fs/cgroup/cpu.max")) -> int:
    """The cores that this process may keep busy: those it is bound to, within the quota of its container."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        share, period = quota.read_text().split()
        return cores if share == "max" else max(1, min(cores, math.ceil(int(share) / int(period))))
    except (OSError, ValueError):  # no container of this kind
        return cores


def read_limits(given: object) -> object:
    """``"acme=4, *=10"`` as ``{"acme": 4, "*": 10}``; what is no text, as it is. Raises ValueError with the part."""
    if not isinstance(given, str):
        return given
    limits: dict[str, int] = {}
    for part in filter(None, (part.strip() for part in given.split(","))):
        name, _, number = (piece.strip() for piece in part.partition("="))
        if not (name and number.isascii() and number.isdigit()) or int(number) < 1:
            raise ValueError(f"{part!r} is no NAME=NUMBER with a number from 1 on.")
        if name in limits:
            raise ValueError(f"{name!r} is there twice.")
        limits[name] = int(number)
    return limits


class Settings(BaseSettings):
    """Settings of one process. Times are in seconds, sizes in bytes."""

    model_config = SettingsConfigDict(env_prefix="STEPMILL_", extra="ignore", hide_input_in_errors=True)

    database_url: SecretStr | None = Field(
        default=None, description="The PostgreSQL (15 to 18) to use. Without it an embedded one is started."
    )
    data_dir: Path = Field(
        default_factory=default_data_dir, description="Folder of the embedded database and of files."
    )
    blob_url: str | None = Field(
        default=None,
        description="Where files and artifacts are kept (an fsspec URL). Default: `blobs` in the data folder.",
    )
    places: str = Field(
        default="",
        description="Folders, as fsspec URLs with commas between them, that areas may take files from. Empty: none.",
    )
    host: str = Field(default="127.0.0.1", description="Address the api listens on.")
    port: int = Field(default=8080, ge=0, le=65535, description="Port the api listens on; 0 picks a free one.")
    allowed_hosts: str = Field(
        default="localhost,127.0.0.1,[::1]",
        description="Host names, by comma, that a request's `Host` and `Origin` may name. `*` allows all.",
    )
    metrics_port: int = Field(
        default=0, ge=0, le=65535, description="Port on which a worker serves its own `/metrics`; 0 for none."
    )
    metrics_host: str = Field(default="127.0.0.1", description="Address on which a worker serves its own `/metrics`.")
    token: SecretStr | None = Field(default=None, description="Bearer token of the local user, for programs.")
    service_secret: SecretStr | None = Field(
        default=None, description="Secret (32 bytes or more) that backend services sign their tokens with."
    )
    tenant: str = Field(default="local", description="Tenant of the local user and of the clients' service tokens.")
    environment: str = Field(default="default", description="Environment that a fresh installation starts with.")
    url: str = Field(
        default="http://127.0.0.1:8080", description="Address of the api, for the clients and the command line."
    )

    worker_concurrency: int = Field(default=4, ge=1, description="Jobs that one worker process runs at once.")
    worker_types: str = Field(default="", description="Job types this worker runs, by comma. Empty: all.")
    worker_probe_dir: Path | None = Field(
        default=None,
        description="Folder where a worker keeps the files `alive` and `beat` fresh, for probes. Without it: none.",
    )
    type_limits: Annotated[dict[str, int], NoDecode, BeforeValidator(read_limits)] = Field(
        default_factory=dict, description="Jobs of a type that run at once, over all workers: `FILE_ETL=4`, by comma."
    )
    tenant_limits: Annotated[dict[str, int], NoDecode, BeforeValidator(read_limits)] = Field(
        default_factory=dict,
        description="Jobs of a tenant that run at once, over all workers: `acme=20, *=10`; `*`: all others.",
    )
    heartbeat_seconds: float = Field(default=3.0, ge=0.5, description="How often a worker says that it is alive.")
    dead_after_seconds: float = Field(
        default=12.0,
        ge=2.5,
        validate_default=True,
        description="Silence after which a worker counts as dead; at least 2.5 times as long as between its beats.",
    )
    sweep_seconds: float = Field(
        default=3.0, ge=0.5, description="How often dead workers and lost tickets are looked for."
    )
    shutdown_grace_seconds: float = Field(
        default=20.0,
        ge=0,
        description="How long a worker told to stop lets running steps finish, and an api its requests.",
    )
    max_crashes: int = Field(default=5, ge=1, description="Crashes in the same step, without progress, that end a job.")
    backoff_base_seconds: float = Field(default=2.0, gt=0, description="First upper limit of the wait before a retry.")
    backoff_max_seconds: float = Field(default=600.0, gt=0, description="Upper limit of the wait before a retry.")
    compute_concurrency: int = Field(
        default_factory=available_cores,
        ge=1,
        description="Processes of one worker that compute at once. A step that wants one more waits for its turn.",
    )
    compute_memory_bytes: int = Field(
        default=2 * 1024**3, ge=64 * 1024**2, description="Memory one computing process may use."
    )

    max_request_bytes: int = Field(default=1024 * 1024, description="Largest JSON body of a request.")
    max_upload_bytes: int = Field(default=50 * 1024**3, description="Largest file that may be uploaded.")
    max_requests: int = Field(
        default=200, ge=1, description="Requests that an api process works on at once; three quarters for one tenant."
    )
    max_uploads: int = Field(
        default=32, ge=1, description="Uploads that an api process takes at once; three quarters for one tenant."
    )
    max_streams: int = Field(
        default=10_000, ge=1, description="Event streams open in an api process at once; three quarters for one tenant."
    )
    small_load_share: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="A replace under this share of the last load's rows is refused as suspiciously small.",
    )
    undo_days: float = Field(
        default=7.0, ge=0, description="How long a replaced generation is kept, so that a load can be reverted."
    )
    job_days: float = Field(
        default=30.0,
        ge=0,
        description="How long finished jobs are kept, with steps, events and artifacts. 0: for ever.",
    )
    event_days: float = Field(
        default=30.0,
        ge=0,
        description="How long events of finished jobs are kept, if shorter than the jobs. 0: as long.",
    )
    reject_bytes: int = Field(
        default=1024**3,
        ge=0,
        description="Rejects kept for a table: past it those that can't be replayed any more go, then those of older "
        "loads, never the newest's. 0: no limit.",
    )
    idempotency_days: float = Field(default=7.0, gt=0, description="How long an idempotency key is remembered.")
    log_level: str = Field(default="info", description="Least level that is logged: debug, info, warning or error.")
    log_format: str = Field(default="auto", description="`json`, `console`, or `auto` (console in a terminal).")

    @field_validator("dead_after_seconds")
    @classmethod
    def _outlasts_beats(cls, value: float, others: ValidationInfo) -> float:
        beat = others.data.get("heartbeat_seconds", 0.0)
        if value < _BEATS_MISSED * beat:
            raise ValueError(
                f"must be at least {_BEATS_MISSED:g} times STEPMILL_HEARTBEAT_SECONDS, which is {beat:g}: otherwise "
                "living workers would count as dead"
            )
        return value

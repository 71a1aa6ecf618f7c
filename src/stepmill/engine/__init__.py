"""What a job is and how it runs: submit, steps, progress, cancel, retry, rescue.

The names here are for job types; the api and the composition root import the verbs from their modules.
"""

from stepmill.engine.context import Artifacts, AttemptConnection, Reporter, StepContext, Transaction
from stepmill.engine.job_type import EnvParams, JobType, JsonModel, Output, Step

__all__ = [
    "Artifacts",
    "AttemptConnection",
    "EnvParams",
    "JobType",
    "JsonModel",
    "Output",
    "Reporter",
    "Step",
    "StepContext",
    "Transaction",
]

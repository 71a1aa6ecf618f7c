"""The shapes of answers, for the OpenAPI document alone: the api answers with what the engine and the store give.

Clients must take fields that are not named here: more may be added, none is renamed.
"""

from stepmill.api.schemas.files import (
    Area,
    AreaList,
    Environment,
    EnvironmentList,
    File,
    FileList,
    FilePreview,
    Finding,
    PreviewColumn,
)
from stepmill.api.schemas.jobs import (
    Event,
    EventList,
    Job,
    JobList,
    JobTypeList,
    JobTypeStep,
    JobTypeView,
    Matched,
    Step,
    Waiting,
)
from stepmill.api.schemas.observe import Stats, StatsPoint, Worker, WorkerList
from stepmill.api.schemas.plans import Plan, PlanPreview, PlanVersion, PlanVersionList
from stepmill.api.schemas.problems import Failure, Problem, ProblemField, Progress
from stepmill.api.schemas.responses import DELETED, EVENT_STREAM, REJECTS, Responses, accepted, created, ok
from stepmill.api.schemas.shape import Shape
from stepmill.api.schemas.tables import (
    Column,
    Load,
    LoadList,
    Profile,
    Reject,
    RejectList,
    Reverted,
    RowList,
    Table,
    TableList,
)

__all__ = [
    "DELETED",
    "EVENT_STREAM",
    "REJECTS",
    "Area",
    "AreaList",
    "Column",
    "Environment",
    "EnvironmentList",
    "Event",
    "EventList",
    "Failure",
    "File",
    "FileList",
    "FilePreview",
    "Finding",
    "Job",
    "JobList",
    "JobTypeList",
    "JobTypeStep",
    "JobTypeView",
    "Load",
    "LoadList",
    "Matched",
    "Plan",
    "PlanPreview",
    "PlanVersion",
    "PlanVersionList",
    "PreviewColumn",
    "Problem",
    "ProblemField",
    "Profile",
    "Progress",
    "Reject",
    "RejectList",
    "Responses",
    "Reverted",
    "RowList",
    "Shape",
    "Stats",
    "StatsPoint",
    "Step",
    "Table",
    "TableList",
    "Waiting",
    "Worker",
    "WorkerList",
    "accepted",
    "created",
    "ok",
]

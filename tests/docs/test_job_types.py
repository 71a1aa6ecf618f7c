"""Each job type of the package has a page that names its params and its steps."""

import pytest

import stepmill.jobs
from stepmill.engine import JobType
from stepmill.engine.registry import Registry, find_job_types
from tests.docs.pages import DOCS

REGISTRY = Registry(find_job_types(stepmill.jobs))
JOB_TYPES = [
    job_type
    for name in REGISTRY.names
    if (job_type := REGISTRY.get(name)) and job_type.steps[0].run.__module__.startswith("stepmill.jobs.")
]


@pytest.mark.parametrize("job_type", JOB_TYPES, ids=lambda job_type: job_type.name)
def test_it_has_its_page(job_type: JobType) -> None:
    page = (DOCS / "jobs" / f"{job_type.name.lower().replace('_', '-')}.md").read_text()
    assert page.startswith(f"# {job_type.name}\n")
    params = [field.alias or name for name, field in job_type.params.model_fields.items()]
    assert [name for name in params if f"| `{name}` |" not in page] == []
    assert [step.name for step in job_type.steps if f"| {step.name} |" not in page] == []

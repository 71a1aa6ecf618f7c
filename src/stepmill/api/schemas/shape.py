"""What every shape of an answer has in common."""

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

JOB_ID = "job_01jd8x5m0v9q3k7t2r4w6y8zab"
NOW = "2026-11-24T09:30:00.000000Z"
"""Examples that shapes share."""


class Shape(BaseModel):
    """An answer's part: camelCase, open for more fields."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="allow")

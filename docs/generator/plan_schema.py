"""The JSON Schema of the transform plan: as pydantic gives it, without titles that only repeat names."""

import json
from typing import Any

from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import CoreSchema

from stepmill.etl.plan.model import TransformPlan


class _Untitled(GenerateJsonSchema):
    def field_title_should_be_set(self, schema: Any) -> bool:
        """Never: a title that is made of the name says nothing."""
        return False

    def generate(self, schema: CoreSchema, mode: Any = "validation") -> dict[str, Any]:
        """Say which version of JSON Schema it is."""
        return {"$schema": self.schema_dialect, **super().generate(schema, mode)}


def plan_schema() -> dict[str, Any]:
    """The schema, which is necessary and not sufficient: that names exist and formats fit is checked by the server."""
    schema = TransformPlan.model_json_schema(by_alias=True, schema_generator=_Untitled)
    limit = schema["$defs"]["RejectLimit"]
    as_number = {"type": "number", "minimum": 0, "description": "Rows, or between 0 and 1 a share of the rows read."}
    schema["$defs"]["RejectLimit"] = {"description": limit.pop("description"), "anyOf": [as_number, limit]}
    plain: dict[str, Any] = _with_plain_code(schema)
    return plain


def plan_schema_text() -> str:
    """The schema as a file."""
    return json.dumps(plan_schema(), indent=2, ensure_ascii=False) + "\n"


def _with_plain_code(node: Any) -> Any:
    """Descriptions with Markdown's single quotes around code, where docstrings have two."""
    if isinstance(node, dict):
        return {
            key: value.replace("``", "`")
            if key == "description" and isinstance(value, str)
            else _with_plain_code(value)
            for key, value in node.items()
        }
    return [_with_plain_code(item) for item in node] if isinstance(node, list) else node

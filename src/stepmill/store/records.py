"""What all records have in common: they are immutable, snake_case in Python and camelCase in JSON."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from stepmill.gateways.documents import Document

R = TypeVar("R", bound="Record")


class Record(BaseModel):
    """A record as it was read or written."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, validate_by_name=True, validate_by_alias=True)

    def as_json(self) -> dict[str, Any]:
        """The record as JSON data; what is not set is left out."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


def from_document(model: type[R], document: Document, **more: Any) -> R:
    """The record in a document; ``more`` are fields that the document knows and its data does not."""
    return model.model_validate({**document.data, "createdAt": document.created_at, **more})


def changed(data: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A document's data with some fields of the record replaced, named as in Python."""
    return {**data, **{to_camel(name): value for name, value in changes.items()}}

"""Where the elements of a JSON document begin."""

from stepmill.errors import DataError
from stepmill.etl.plan.source import SourceFormat
from stepmill.etl.readers.json_shape import records_begin
from stepmill.etl.readers.window import Window, open_window
from stepmill.gateways.blobs import BlobLocation

_LOOK_BYTES = 1024 * 1024
_BLANK = b" \t\r\n"


def begins_with_array(location: BlobLocation, source: SourceFormat) -> bool:
    """Whether the records are the elements of an array, and not values one after another."""
    if source.records_path is not None:
        return True
    with open_window(location, source, None, None, 4096) as window:
        while not (text := bytes(window.view).lstrip(_BLANK)) and not window.at_end:
            window.take(len(window.view), lines=0, records=0)
            window.fill()
        return text.startswith(b"[")


def skip_to_elements(window: Window, source: SourceFormat) -> None:
    """Go on behind the bracket that opens the array. Raises DataError ``records_not_found``."""
    while True:
        text = bytes(window.view)
        begin = records_begin(text, source.records_path, source.encoding)
        if begin is not None:
            window.take(begin, lines=text.count(b"\n", 0, begin), records=0)
            return
        if window.at_end or len(text) >= _LOOK_BYTES:
            raise _not_found(source.records_path)
        window.fill(2 * window.size)


def _not_found(path: str | None) -> DataError:
    where = f"at {path!r}" if path is not None else "at the top of the document"
    return DataError(
        "records_not_found",
        f"There is no JSON array {where}, or it begins after more than {_LOOK_BYTES:,} bytes.",
        details={"recordsPath": path},
    )

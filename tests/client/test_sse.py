"""Event streams as the WHATWG grammar has them, however the bytes are cut."""

import json
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from stepmill.client.results import Event
from stepmill.client.sse import Follower, SseParser

EVENTS = st.lists(
    st.builds(
        Event,
        id=st.integers(1, 10**12).map(str),
        kind=st.sampled_from(["status", "step", "progress", "log", "end"]),
        data=st.dictionaries(
            st.text(max_size=5), st.text(max_size=8) | st.integers() | st.none(), min_size=1, max_size=3
        ),
    ),
    max_size=5,
)


def parse(stream: bytes, cuts: list[int]) -> list[Event]:
    parser = SseParser()
    edges = sorted({0, *(cut % (len(stream) + 1) for cut in cuts), len(stream)})
    return [event for start, end in pairwise(edges) for event in parser.feed(stream[start:end])]


@given(
    events=EVENTS,
    newline=st.sampled_from(["\n", "\r\n", "\r"]),
    cuts=st.lists(st.integers(0, 10_000), max_size=20),
    ascii_only=st.booleans(),
)
def test_events_survive_any_cut(events: list[Event], newline: str, cuts: list[int], ascii_only: bool) -> None:
    lines = []
    for event in events:
        data = json.dumps(event.data, ensure_ascii=ascii_only)
        # U+2028 and its like are no line ends here; a CR or LF can't be inside JSON text.
        lines += [": heartbeat", f"id: {event.id}", f"event: {event.kind}", f"data: {data}", ""]
    stream = "".join(line + newline for line in lines).encode("utf-8", "surrogatepass")

    assert [(event.id, event.kind) for event in parse(stream, cuts)] == [(event.id, event.kind) for event in events]
    assert parse(stream, []) == parse(stream, cuts)
    if ascii_only:
        assert parse(stream, cuts) == events


def test_data_of_several_lines_is_one_text() -> None:
    assert parse(b'data: {"a":\ndata: 1}\n\n', []) == [Event("", "message", {"a": 1})]


def test_heartbeats_retry_and_unknown_fields_are_skipped() -> None:
    assert parse(b": beat\n\nretry: 10\nfoo: bar\n\nevent: log\n\n", []) == []


def test_an_event_cut_off_by_the_end_is_dropped() -> None:
    assert parse(b'id: 7\ndata: {"a": 1}\n', []) == []


def test_the_follower_goes_on_where_it_was() -> None:
    follower = Follower()
    assert "Last-Event-ID" not in follower.headers()
    follower.saw(Event("7", "status", {}))
    follower.saw(Event("", "log", {}))
    assert follower.headers()["Last-Event-ID"] == "7"
    assert not follower.ended
    follower.saw(Event("8", "end", {}))
    assert follower.ended

"""The soak's model of a job takes what is legal, and says what is not."""

from typing import Any

from soak.moves import Replay

Told = tuple[str, dict[str, Any]]


def status(now: str, attempt: int, reason: str | None = None) -> Told:
    return "status", {"status": now, "attempt": attempt, "reason": reason}


def step(name: str, now: str, attempt: int, reason: str | None = None) -> Told:
    return "step", {"name": name, "status": now, "attempt": attempt, "reason": reason}


def wrongs(*told: Told, first: int = 1) -> list[str]:
    events = [(number, kind, data) for number, (kind, data) in enumerate(told, start=first)]
    return list(Replay({"One": False, "Clean": True}).play(events))


BEGUN = (status("PENDING", 0, "submitted"), status("RUNNING", 1), step("One", "RUNNING", 1))
DONE = (step("One", "DONE", 1), step("Clean", "RUNNING", 1), step("Clean", "DONE", 1), status("DONE", 1))
END: Told = ("end", {"status": "DONE"})


def test_an_ordinary_life() -> None:
    assert wrongs(*BEGUN, *DONE, END) == []


def test_a_crash_a_cancel_and_a_retry() -> None:
    crash = (step("One", "PENDING", 1, "crashed"), status("PENDING", 1, "crashed"))
    cancel = (status("RUNNING", 2), step("One", "RUNNING", 2), status("RUNNING", 2, "cancel_requested"))
    stopped = (step("One", "ERROR", 2), step("Clean", "RUNNING", 3), step("Clean", "DONE", 3), status("CANCELLED", 3))
    end: Told = ("end", {"status": "CANCELLED"})
    retry = (step("One", "PENDING", 2, "retry"), step("Clean", "PENDING", 3, "retry"), status("PENDING", 3, "retry"))
    assert wrongs(*BEGUN, *crash, *cancel, *stopped, end, *retry) == []


def test_a_gap() -> None:
    assert wrongs(*BEGUN, first=2) == ["event 2 where 1 should be"]


def test_a_step_that_is_done_twice() -> None:
    twice = step("One", "DONE", 1)
    assert wrongs(*BEGUN, twice, twice) == [
        "event 5: step One went from DONE to DONE",
        "event 5: step One went from DONE to DONE for None",
    ]


def test_a_step_before_the_one_before_it() -> None:
    assert wrongs(status("PENDING", 0), status("RUNNING", 1), step("Clean", "RUNNING", 1)) == []  # it always runs
    replay = Replay({"One": False, "Two": False})
    found = list(replay.play([(n, *told) for n, told in enumerate([*BEGUN[:2], step("Two", "RUNNING", 1)], start=1)]))
    assert found == ["event 3: step Two runs before ['One'] are DONE"]


def test_what_an_old_attempt_says() -> None:
    crash = (step("One", "PENDING", 1, "crashed"), status("PENDING", 1, "crashed"), status("RUNNING", 2))
    late = (step("One", "RUNNING", 2), step("One", "DONE", 1))
    assert wrongs(*BEGUN, *crash, *late) == ["event 8: step One is DONE by attempt 1, 2 ran it"]


def test_life_after_the_end() -> None:
    assert wrongs(*BEGUN, *DONE, END, ("log", {"message": "I still live."})) == [
        "event 9: log after the end: {'message': 'I still live.'}"
    ]
    assert wrongs(*BEGUN, *DONE, END, status("RUNNING", 2)) != []


def test_done_with_a_step_open() -> None:
    assert wrongs(*BEGUN, step("One", "DONE", 1), status("DONE", 1)) == [
        "event 5: the job is DONE and ['Clean'] is not"
    ]

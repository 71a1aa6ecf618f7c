"""Why is it waiting? One sentence, and the same as data, for every job that waits."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from stepmill.engine.json_data import rfc3339


@dataclass(frozen=True)
class Situation:
    """Worker slots by job type, as (slots, running), counting the workers that are alive."""

    capacity: Mapping[str, tuple[int, int]]
    at_limit: Mapping[str, int] = field(default_factory=dict)
    """Job types of which as many run as may, and how many these are."""


def waiting_of(row: Mapping[str, Any], situation: Situation) -> dict[str, Any] | None:
    """``{code, message, since, heldBy?}`` for a row of ``jobs`` with the ``lock_…`` columns of its lock, or None."""
    if row["status"] != "PENDING" and not row["parked"]:
        return None
    stored = row["waiting"] or {}
    if stored.get("code") == "lock":
        return _lock(row, stored)
    if stored.get("code") == "limit":
        return _limit(row, stored)
    capacity = situation.capacity.get(row["type"])
    if row["run_at"] > datetime.now(UTC):
        if stored.get("code") == "lock_document":
            return _lock_document(row, stored)
        if stored.get("code") == "stands_aside":
            return _stands_aside(row, stored)
        return _backoff(row, stored) if stored.get("code") == "backoff" else _run_at(row)
    since = rfc3339(max(row["created_at"], row["run_at"]))
    if row["status"] == "PENDING" and capacity is None:
        return {
            "code": "no_worker",
            "message": f"No worker that runs {row['type']} is alive. Start one with `stepmill worker`.",
            "since": since,
        }
    if row["type"] in situation.at_limit:
        limit = situation.at_limit[row["type"]]
        return {
            "code": "limit",
            "message": f"{limit} jobs of type {row['type']} run, which is its limit; it starts when one of them ends.",
            "since": since,
            "limit": limit,
        }
    slots, running = capacity or (0, 0)
    if slots and running >= slots:
        return {
            "code": "workers_busy",
            "message": f"All {slots} worker slots for {row['type']} are taken; it starts when one is free.",
            "since": since,
        }
    return {"code": "queued", "message": "A worker takes it next.", "since": since}


def _lock(row: Mapping[str, Any], stored: Mapping[str, Any]) -> dict[str, Any]:
    key = str(row["waiting_lock"]).partition("/")[2]
    answer: dict[str, Any] = {
        "code": "lock",
        "message": f"The lock {key} was released; it goes on in a moment.",
        "since": stored["since"],
    }
    if row["lock_holder"] is not None:
        holds = "is the next to have" if row["lock_attempt"] is None else "holds"
        answer["message"] = (
            f"Job {row['lock_holder']} {holds} the lock {key} since {_clock(row['lock_since'])}; "
            "it goes on when that is released."
        )
        answer["heldBy"] = {"jobId": row["lock_holder"], "lock": key, "since": rfc3339(row["lock_since"])}
    return answer


def _limit(row: Mapping[str, Any], stored: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "code": "limit",
        "message": f"{stored['limit']} jobs of tenant {row['tenant_id']} run, which is its limit; "
        "it starts when one of them ends.",
        "since": stored["since"],
        "limit": stored["limit"],
    }


def _lock_document(row: Mapping[str, Any], stored: Mapping[str, Any]) -> dict[str, Any]:
    holder = stored.get("holder") or "another program"
    return {
        "code": "lock_document",
        "message": f"The lock document is held by {holder}; it is looked at again at {_clock(row['run_at'])}.",
        "since": stored["since"],
        "heldBy": {"holder": stored.get("holder"), "expiresAt": stored.get("expiresAt")},
    }


def _backoff(row: Mapping[str, Any], stored: Mapping[str, Any]) -> dict[str, Any]:
    error = stored.get("error") or {}
    failed = f"Attempt {row['failures']} of {row['max_attempts']} failed ({error.get('message', 'an error')})"
    if error.get("code") == "database_lost":  # which is no failed attempt
        failed = f"The database was lost {row['losses']} times in the same step"
    return {
        "code": "backoff",
        "message": f"{failed}; it is tried again at {_clock(row['run_at'])}.",
        "since": stored["since"],
        "until": rfc3339(row["run_at"]),
    }


def _stands_aside(row: Mapping[str, Any], stored: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "code": "stands_aside",
        "message": "Workers died three times while it ran, and the worker that took it runs another such job; "
        f"it is tried again at {_clock(row['run_at'])}.",
        "since": stored["since"],
        "until": rfc3339(row["run_at"]),
    }


def _run_at(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "code": "run_at",
        "message": f"It is set to run at {_clock(row['run_at'])}.",
        "since": rfc3339(row["created_at"]),
        "until": rfc3339(row["run_at"]),
    }


def _clock(at: datetime) -> str:
    """A time in a sentence, where nobody wants microseconds."""
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")

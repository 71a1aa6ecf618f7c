"""What a superuser tries against the guards of the engine's tables, and how it gets past them."""

import psycopg
import pytest
from psycopg.types.json import Jsonb

REFUSALS = ("23514", "SM001")
"""A check that does not hold, and an attempt that is not the current one."""


Superuser = psycopg.Connection[tuple[object, ...]]


def past_the_guards(conn: Superuser, statement: str, *values: object) -> None:
    conn.execute("SET session_replication_role = replica")
    conn.execute(statement.encode(), values)
    conn.execute("SET session_replication_role = origin")


def run_to_the_end(conn: Superuser, job_id: str) -> None:
    """Begin a job and finish both of its steps."""
    begin(conn, job_id)
    for idx in (0, 1):
        conn.execute("SELECT finish_step_v1(%s, 1, %s::smallint, '{}', NULL)", (job_id, idx))


def fail_for_good(conn: Superuser, job_id: str) -> None:
    """Begin a job and let its first step fail for good."""
    begin(conn, job_id)
    error = Jsonb({"code": "x", "message": "x", "retryable": False})
    conn.execute("SELECT fail_step_v1(%s, 1, 0::smallint, %s, 1, 1)", (job_id, error))


def refused_with(conn: Superuser, statement: str, *values: object) -> str:
    """The sentence with which the database refuses a statement."""
    with pytest.raises(psycopg.Error) as refused:
        conn.execute(statement.encode(), values)
    assert refused.value.sqlstate in REFUSALS
    return str(refused.value).splitlines()[0]


def begin(conn: Superuser, job_id: str) -> None:
    conn.execute("SELECT begin_attempt_v1(%s, 'worker-1')", (job_id,))


_REFUSE = """
GRANT USAGE ON SCHEMA public TO PUBLIC;
CREATE SEQUENCE public.refused;
GRANT USAGE ON SEQUENCE public.refused TO PUBLIC;
CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF nextval('public.refused') <= {times} THEN
        RAISE EXCEPTION 'not now' USING ERRCODE = '{state}';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER a_refusal BEFORE {change} FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION public.refuse();
"""


def refuse(superuser: Superuser, change: str, when: str, *, times: int = 1, state: str = "40P01") -> None:
    """Let the database refuse so many changes, such as ``UPDATE ON jobs``, of the rows for which ``when`` holds."""
    superuser.execute(_REFUSE.format(change=change, when=when, times=times, state=state).encode())

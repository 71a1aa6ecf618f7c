"""Connections: what a transaction takes with it, and what it leaves behind."""

from stepmill.gateways.sql.database import Database

WHO = """
    SELECT current_user AS role, nullif(current_setting('stepmill.tenant', true), '') AS tenant,
           current_setting('application_name') AS name, current_setting('statement_timeout') AS statement_timeout,
           current_setting('lock_timeout') AS lock_timeout
"""


async def test_a_transaction_takes_role_tenant_and_limits_and_leaves_nothing(database_url: str) -> None:
    async with Database(database_url, application_name="tests", max_size=1) as database:
        async with database.transaction(
            "stepmill_api", tenant="o'ne\\", application_name="stepmill:j:1", statement_timeout=1.5, lock_timeout=0.05
        ) as conn:
            inside = await (await conn.execute(WHO)).fetchone()
        async with database.transaction("stepmill_owner") as conn:
            after = await (await conn.execute(WHO)).fetchone()

    assert inside == {
        "role": "stepmill_api", "tenant": "o'ne\\", "name": "stepmill:j:1", "statement_timeout": "1500ms",
        "lock_timeout": "50ms",
    }  # fmt: skip
    assert after == {
        "role": "stepmill_owner", "tenant": None, "name": "tests", "statement_timeout": "0", "lock_timeout": "0"
    }  # fmt: skip

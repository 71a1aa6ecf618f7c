"""The database connection of a computing process, which acts as the attempt that it computes for."""

import psycopg
from psycopg.rows import DictRow, dict_row

from stepmill.engine.context import AttemptConnection
from stepmill.gateways.sql.statements import ToldCursor


def connect_as(own: AttemptConnection) -> psycopg.Connection[DictRow]:
    """A connection under the attempt's name, so that rescue and cancel find it. The caller closes it."""
    return psycopg.connect(
        own.url,
        application_name=own.application_name,
        autocommit=True,
        row_factory=dict_row,
        cursor_factory=ToldCursor,
    )

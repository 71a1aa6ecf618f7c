"""Ports to the outside world and their adapters. Nothing here knows what a job, a file or a table is."""

from dataclasses import dataclass

from stepmill.gateways.blobs import Blobs
from stepmill.gateways.documents import Documents
from stepmill.gateways.sql import Database


@dataclass(frozen=True)
class Gateways:
    """The gateways of one process, as ``app.py`` built them."""

    sql: Database
    documents: Documents
    blobs: Blobs

"""PostgreSQL: connections with roles and tenants, and the server that comes with the package."""

from stepmill.gateways.sql.database import Database
from stepmill.gateways.sql.embedded import EmbeddedPostgres
from stepmill.gateways.sql.roles import Role

__all__ = ["Database", "EmbeddedPostgres", "Role"]

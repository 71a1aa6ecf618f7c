-- Stepmill's own schema. It belongs to stepmill_owner, as does everything that later files put into it; the roles
-- themselves are not made here, because they belong to the whole server and are looked after at every migration.

CREATE SCHEMA IF NOT EXISTS stepmill;

GRANT USAGE ON SCHEMA stepmill TO stepmill_engine, stepmill_api, stepmill_loader;

CREATE TABLE stepmill.migrations (
    number integer PRIMARY KEY,
    name text NOT NULL,
    checksum text NOT NULL,
    program_version text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);

GRANT SELECT ON stepmill.migrations TO stepmill_engine, stepmill_api, stepmill_loader;

-- The warehouse's books: which physical tables there are, what was loaded into them, and what was not.
-- The tables themselves live in schemas of their own, one pair per environment, owned by stepmill_loader.

-- What the hidden column _load_id of every warehouse row carries. The public loadId is opaque.
CREATE SEQUENCE load_numbers;

CREATE TABLE physical_tables (
    phys_id text PRIMARY KEY,
    tenant_id text NOT NULL,
    env_id text NOT NULL,
    owner_kind text NOT NULL CHECK (owner_kind IN ('area', 'stream')),
    owner_id text NOT NULL,
    view_schema text NOT NULL, -- where readers find the logical view
    data_schema text NOT NULL, -- where its generations are
    logical_name text NOT NULL,
    generation integer, -- the one that readers see; null before the first load
    last_generation integer NOT NULL DEFAULT 0, -- numbers are never given twice
    version bigint NOT NULL DEFAULT 0, -- counts the changes of what readers see
    columns jsonb NOT NULL DEFAULT '[]', -- of the generation that readers see, in the view's order
    key jsonb, -- {columns, unique}: what is indexed
    time_column text,
    plan_version integer,
    rows bigint NOT NULL DEFAULT 0 CHECK (rows >= 0),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_load_at timestamptz,
    UNIQUE (tenant_id, env_id, owner_kind, owner_id),
    UNIQUE (view_schema, logical_name)
);

-- The unseen table that one job fills. It becomes a generation, or its rows are moved into one.
CREATE TABLE load_targets (
    load_id text PRIMARY KEY,
    load_number bigint NOT NULL UNIQUE DEFAULT nextval('load_numbers'),
    job_id text NOT NULL UNIQUE, -- no reference: a job may be forgotten before its leftovers are dropped
    tenant_id text NOT NULL,
    env_id text NOT NULL,
    phys_id text NOT NULL REFERENCES physical_tables ON DELETE CASCADE,
    generation integer NOT NULL,
    schema_name text NOT NULL,
    table_name text NOT NULL,
    plan_version integer NOT NULL,
    columns jsonb NOT NULL,
    source jsonb NOT NULL, -- what is loaded; a target is taken up again only for the same
    rows_deduplicated bigint, -- null until duplicate keys are gone
    carried_version bigint, -- version of the physical table whose earlier rows were carried over
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (phys_id, generation)
);

-- One row for each committed part of a target: a crash resumes after the last.
CREATE TABLE load_chunks (
    load_id text NOT NULL REFERENCES load_targets ON DELETE CASCADE,
    chunk integer NOT NULL,
    tenant_id text NOT NULL,
    rows_read bigint NOT NULL,
    rows_loaded bigint NOT NULL,
    rows_rejected bigint NOT NULL,
    rows_filtered bigint NOT NULL,
    bytes_read bigint NOT NULL, -- of the source, up to the end of this chunk
    resume_at jsonb, -- where reading goes on; null at the end of the source
    attempt integer NOT NULL,
    committed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (load_id, chunk),
    CONSTRAINT chunk_balances CHECK (rows_read = rows_loaded + rows_rejected + rows_filtered)
);

-- Written in the transaction that changes what readers see.
CREATE TABLE load_ledger (
    load_id text PRIMARY KEY,
    load_number bigint NOT NULL UNIQUE,
    tenant_id text NOT NULL,
    env_id text NOT NULL,
    phys_id text NOT NULL REFERENCES physical_tables ON DELETE CASCADE,
    job_id text NOT NULL,
    attempt integer NOT NULL,
    mode text NOT NULL,
    plan_version integer NOT NULL,
    version bigint NOT NULL, -- the physical table's after the load: the order in which readers saw loads
    generation integer NOT NULL, -- the one its rows went into
    file_id text,
    file_name text,
    replay_of text REFERENCES load_ledger,
    rows_read bigint NOT NULL CHECK (rows_read >= 0),
    rows_loaded bigint NOT NULL CHECK (rows_loaded >= 0),
    rows_rejected bigint NOT NULL CHECK (rows_rejected >= 0),
    rows_filtered bigint NOT NULL CHECK (rows_filtered >= 0),
    rows_deduplicated bigint NOT NULL CHECK (rows_deduplicated >= 0),
    bytes_read bigint NOT NULL CHECK (bytes_read >= 0),
    undo jsonb NOT NULL, -- how the load can be taken back
    superseded_by text REFERENCES load_ledger, -- the load that replaced its rows
    reverted_at timestamptz,
    removed_at timestamptz, -- its rows were removed on request
    started_at timestamptz NOT NULL,
    finished_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (phys_id, version),
    CONSTRAINT load_balances CHECK (rows_read = rows_loaded + rows_rejected + rows_filtered + rows_deduplicated)
);

CREATE INDEX load_ledger_file_idx ON load_ledger (tenant_id, file_id);
CREATE INDEX load_ledger_replay_idx ON load_ledger (replay_of) WHERE replay_of IS NOT NULL;
CREATE INDEX load_ledger_superseded_idx ON load_ledger (superseded_by) WHERE superseded_by IS NOT NULL;

-- Written with the chunk that they came in, so they belong to a target first and to a load once it is in the ledger.
CREATE TABLE load_rejects (
    load_id text NOT NULL,
    ordinal bigint NOT NULL,
    tenant_id text NOT NULL,
    line bigint NOT NULL,
    column_name text,
    code text NOT NULL,
    reason text NOT NULL,
    raw text,
    record text NOT NULL, -- JSON: the source row's fields, or the text that could not be split into fields
    plan_version integer NOT NULL,
    PRIMARY KEY (load_id, ordinal)
);

-- Tables that nobody sees any more, kept so that a load can be reverted, and when they may go.
CREATE TABLE retired_tables (
    schema_name text NOT NULL,
    table_name text NOT NULL,
    tenant_id text NOT NULL,
    load_id text, -- the load whose undo it is
    drop_after timestamptz NOT NULL,
    PRIMARY KEY (schema_name, table_name)
);

CREATE INDEX retired_tables_due_idx ON retired_tables (drop_after);

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY[
        'physical_tables', 'load_targets', 'load_chunks', 'load_ledger', 'load_rejects', 'retired_tables']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY engine ON %I TO stepmill_engine USING (true) WITH CHECK (true)', t);
        EXECUTE format(
            'CREATE POLICY tenant ON %I TO stepmill_api, stepmill_loader
             USING (tenant_id = current_setting(''stepmill.tenant'', true))
             WITH CHECK (tenant_id = current_setting(''stepmill.tenant'', true))', t);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO stepmill_engine, stepmill_loader', t);
        EXECUTE format('GRANT SELECT ON %I TO stepmill_api', t);
    END LOOP;
END
$$;
GRANT USAGE ON SEQUENCE load_numbers TO stepmill_engine, stepmill_loader;

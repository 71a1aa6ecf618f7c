-- Environments, and the documents that hold the platform's own records.

CREATE TABLE environments (
    env_id text PRIMARY KEY CHECK (env_id ~ '^[a-z0-9][a-z0-9_-]{0,39}$'),
    tenant_id text NOT NULL,
    name text NOT NULL,
    schema_name text NOT NULL UNIQUE,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (tenant_id, name)
);

CREATE TABLE documents (
    tenant_id text NOT NULL,
    env_id text NOT NULL,
    collection text NOT NULL,
    id text NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    data jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, env_id, collection, id)
);

-- Fields that documents are looked up by, or that are unique in a collection, as plain columns: row-level security lets
-- an index be used for comparisons of columns, and not for operators of jsonb.
CREATE TABLE document_keys (
    tenant_id text NOT NULL,
    env_id text NOT NULL,
    collection text NOT NULL,
    field text NOT NULL,
    value text NOT NULL,
    id text NOT NULL,
    is_unique boolean NOT NULL,
    PRIMARY KEY (tenant_id, env_id, collection, field, value, id),
    FOREIGN KEY (tenant_id, env_id, collection, id) REFERENCES documents ON DELETE CASCADE
);
CREATE INDEX document_keys_document_idx ON document_keys (tenant_id, env_id, collection, id);
CREATE UNIQUE INDEX document_keys_unique_idx ON document_keys (tenant_id, env_id, collection, field, value) WHERE is_unique;

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['environments', 'documents', 'document_keys']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY engine ON %I TO stepmill_engine USING (true) WITH CHECK (true)', t);
        EXECUTE format(
            'CREATE POLICY tenant ON %I TO stepmill_api USING (tenant_id = current_setting(''stepmill.tenant'', true))
             WITH CHECK (tenant_id = current_setting(''stepmill.tenant'', true))', t);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO stepmill_engine, stepmill_api', t);
    END LOOP;
END
$$;

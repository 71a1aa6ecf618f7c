-- A load asks for those in force of its own file, and for those of jobs submitted later: not through all of its table's.
CREATE INDEX load_ledger_of_file_idx ON load_ledger (phys_id, file_name)
    WHERE superseded_by IS NULL AND reverted_at IS NULL AND removed_at IS NULL;
CREATE INDEX load_ledger_of_job_idx ON load_ledger (phys_id, job_id)
    WHERE superseded_by IS NULL AND reverted_at IS NULL AND removed_at IS NULL;

-- The rows of a small load, as COPY takes them, in place of a table that would be made and dropped for them.
ALTER TABLE load_targets ADD COLUMN is_held boolean NOT NULL DEFAULT false;
CREATE TABLE held_rows (
    load_id text PRIMARY KEY REFERENCES load_targets ON DELETE CASCADE,
    tenant_id text NOT NULL,
    columns text[] NOT NULL, -- in the order in which the rows have them
    data bytea NOT NULL
);
ALTER TABLE held_rows ALTER COLUMN data SET STORAGE EXTERNAL; -- they are read once, which compression would only delay
ALTER TABLE held_rows ENABLE ROW LEVEL SECURITY;
ALTER TABLE held_rows FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON held_rows TO stepmill_loader
    USING (tenant_id = current_setting('stepmill.tenant', true))
    WITH CHECK (tenant_id = current_setting('stepmill.tenant', true));
GRANT SELECT, INSERT, DELETE ON held_rows TO stepmill_loader;

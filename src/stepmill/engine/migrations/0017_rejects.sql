-- Rejects are kept while they can be of use: until they were replayed or dismissed, within a size for each table.

ALTER TABLE load_ledger
    ADD COLUMN rejects_bytes bigint, -- what is kept of them; null for loads from before this was counted
    ADD COLUMN rejects_gone text CHECK (rejects_gone IN ('dismissed', 'replayed', 'superseded', 'size_limit')),
    ADD COLUMN rejects_gone_at timestamptz,
    ADD CONSTRAINT rejects_gone_why CHECK ((rejects_gone IS NULL) = (rejects_gone_at IS NULL));

CREATE INDEX load_ledger_rejects_idx ON load_ledger (phys_id, load_number) WHERE rejects_bytes > 0;

-- The engine's role clears away what is marked, and marks what its settings say. It sees no more of the ledger than that.
GRANT SELECT (load_id, load_number, tenant_id, phys_id, replay_of, superseded_by, reverted_at, removed_at, finished_at,
    rejects_bytes, rejects_gone, rejects_gone_at), UPDATE (rejects_bytes, rejects_gone, rejects_gone_at)
    ON load_ledger TO stepmill_engine;
CREATE POLICY engine ON load_ledger TO stepmill_engine USING (true) WITH CHECK (true);

-- A load asks for those in force of its own file, and for those of jobs submitted later: not through all of its table's.
CREATE INDEX load_ledger_of_file_idx ON load_ledger (phys_id, file_name)
    WHERE superseded_by IS NULL AND reverted_at IS NULL AND removed_at IS NULL;
CREATE INDEX load_ledger_of_job_idx ON load_ledger (phys_id, job_id)
    WHERE superseded_by IS NULL AND reverted_at IS NULL AND removed_at IS NULL;

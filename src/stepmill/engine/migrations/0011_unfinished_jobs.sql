-- Nearly all jobs of an old installation are DONE. Those that are not are few, and what people look for: this small index
-- lists and counts them without a walk over the others.
CREATE INDEX jobs_not_done_idx ON jobs (tenant_id, status, created_at DESC, job_id DESC)
    WHERE status IN ('PENDING', 'RUNNING', 'ERROR', 'CANCELLED');

-- Finished jobs and their events go after a while, a few in each transaction, so that nobody waits for it.

CREATE INDEX jobs_finished_idx ON jobs (finished_at) WHERE finished_at IS NOT NULL;

-- With their steps, attempts and events. The ledger of loads refers to no job, and stays as long as its table.
CREATE FUNCTION prune_jobs_v1(p_before timestamptz, p_limit integer) RETURNS bigint LANGUAGE sql
SET search_path = stepmill, pg_temp AS $$
    WITH gone AS (
        DELETE FROM jobs WHERE job_id IN (
            SELECT job_id FROM jobs WHERE finished_at < p_before AND status IN ('DONE', 'ERROR', 'CANCELLED')
            ORDER BY finished_at LIMIT p_limit FOR UPDATE SKIP LOCKED)
        RETURNING 1)
    SELECT count(*) FROM gone;
$$;

-- The events alone. The counter remembers up to which number they went, for streams and for the number of the next.
-- Looks at p_limit jobs that finished after p_after and answers when the last of them did; null at the end.
CREATE FUNCTION prune_events_v1(p_after timestamptz, p_before timestamptz, p_limit integer) RETURNS timestamptz LANGUAGE plpgsql
SET search_path = stepmill, pg_temp AS $$
DECLARE
    v_jobs text[];
    v_last timestamptz;
BEGIN
    SELECT array_agg(job_id), max(finished_at) INTO v_jobs, v_last FROM (
        SELECT job_id, finished_at FROM jobs WHERE finished_at > p_after AND finished_at < p_before
            AND status IN ('DONE', 'ERROR', 'CANCELLED')
        ORDER BY finished_at LIMIT p_limit FOR UPDATE SKIP LOCKED) AS finished;
    UPDATE job_event_counters SET pruned_to = last_seq WHERE job_id = ANY (v_jobs) AND pruned_to < last_seq;
    DELETE FROM job_events WHERE job_id = ANY (v_jobs);
    RETURN v_last;
END
$$;

-- Tables whose rows come and go, or change, all the time are cleaned early; by their size alone it would be far too late.
ALTER TABLE procrastinate_jobs SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 2000,
    autovacuum_analyze_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE jobs SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
ALTER TABLE job_steps SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
ALTER TABLE job_attempts SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
ALTER TABLE job_event_counters SET (autovacuum_vacuum_scale_factor = 0.02);
ALTER TABLE job_events SET (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_insert_scale_factor = 0.05);
ALTER TABLE workers SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
ALTER TABLE job_locks SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);

-- Take an attempt away from its worker: it died, was told to stop, lost the database, or did not heed a cancel. The job goes
-- back to PENDING. New here: an attempt that was to be cancelled says how long its stopping took.
CREATE OR REPLACE FUNCTION rescue_v1(p_job text, p_attempt integer, p_reason text, p_max_crashes integer) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    j jobs;
    s job_steps;
    v_error jsonb;
    v_revoked timestamptz;
BEGIN
    SELECT revoked_at INTO v_revoked FROM job_attempts WHERE job_id = p_job AND attempt = p_attempt AND ended_at IS NULL FOR UPDATE;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    SELECT * INTO j FROM jobs WHERE job_id = p_job;
    PERFORM guard_lock_key_v1(j.lock_key);
    SELECT * INTO j FROM jobs WHERE job_id = p_job FOR NO KEY UPDATE;
    SELECT * INTO s FROM job_steps WHERE job_id = p_job AND status = 'RUNNING';
    IF p_reason = 'crashed' THEN
        j.crashes := CASE WHEN j.crashed_at_step = s.idx AND j.crashed_at_progress IS NOT DISTINCT FROM s.progress -> 'done'
            THEN j.crashes + 1 ELSE 1 END;
        j.crashed_at_step := s.idx;
        j.crashed_at_progress := s.progress -> 'done';
    END IF;
    IF v_revoked IS NOT NULL THEN
        v_error := jsonb_build_object('code', 'cancelled', 'message', 'The job was cancelled.', 'retryable', false,
            'details', jsonb_build_object('stoppedAfterMs', round(extract(epoch FROM clock_timestamp() - v_revoked) * 1000)));
        j.ending := jsonb_build_object('status', 'CANCELLED', 'error', v_error);
    ELSIF j.crashes >= p_max_crashes AND (j.ending IS NULL OR s.always) THEN
        v_error := jsonb_build_object('code', 'crashed_repeatedly', 'retryable', false, 'message', format(
            'The worker died %s times in step %s without progress. Look at the worker''s log and memory, then retry.', j.crashes, s.name));
        j.ending := jsonb_build_object('status', 'ERROR', 'error', v_error);
    END IF;
    j.run_at := least(j.run_at, clock_timestamp());
    IF v_error IS NULL THEN
        PERFORM requeue_v1(j, p_attempt, s.idx, p_reason, NULL);
        RETURN 'PENDING';
    END IF;
    UPDATE job_steps SET status = 'ERROR', finished_at = clock_timestamp(), error = v_error
    WHERE job_id = p_job AND idx = s.idx RETURNING * INTO s;
    UPDATE jobs SET ending = j.ending, crashes = j.crashes WHERE job_id = p_job RETURNING * INTO j;
    PERFORM end_attempt_v1(p_job, p_attempt, p_reason);
    IF next_step_v1(j) IS NULL THEN
        j := finalize_v1(p_job, jsonb_build_array(step_event_v1(s, p_reason)));
        RETURN j.status;
    END IF;
    UPDATE jobs SET status = 'PENDING', run_at = clock_timestamp() WHERE job_id = p_job RETURNING * INTO j;
    PERFORM release_lock_v1(p_job, j.lock_key);
    PERFORM emit_v1(j.job_id, j.tenant_id, j.env_id, jsonb_build_array(step_event_v1(s, p_reason), status_event_v1(j, p_reason)));
    PERFORM issue_ticket_v1(j);
    RETURN 'PENDING';
END
$$;

-- Triggers and functions mean the tables of this schema, whatever the search path of the session that calls them.
DO $$
DECLARE
    f regprocedure;
BEGIN
    FOR f IN
        SELECT p.oid FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
        WHERE p.pronamespace = 'stepmill'::regnamespace AND p.proowner = 'stepmill_owner'::regrole AND l.lanname = 'plpgsql'
    LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = stepmill, pg_temp', f);
    END LOOP;
END
$$;

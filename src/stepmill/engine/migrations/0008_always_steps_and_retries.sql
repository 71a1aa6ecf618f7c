-- Always-steps run to their end: a cancel that finds one running is noted, and the job goes on with what always runs.
-- A retry says of each step that it takes back that it does so.

-- Ask for a cancel. Null: no such job; otherwise the job's status after it, with the attempt to stop if one must be.
CREATE OR REPLACE FUNCTION cancel_v1(p_job text) RETURNS jsonb LANGUAGE plpgsql SET search_path = stepmill, pg_temp AS $$
DECLARE
    j jobs;
    v_attempt integer;
    v_ending jsonb := jsonb_build_object('status', 'CANCELLED', 'error', jsonb_build_object(
        'code', 'cancelled', 'message', 'The job was cancelled.', 'retryable', false));
BEGIN
    SELECT attempt INTO v_attempt FROM job_attempts WHERE job_id = p_job AND ended_at IS NULL FOR UPDATE;
    SELECT * INTO j FROM jobs WHERE job_id = p_job;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    PERFORM guard_lock_key_v1(j.lock_key);
    SELECT * INTO j FROM jobs WHERE job_id = p_job FOR NO KEY UPDATE;
    IF j.status NOT IN ('PENDING', 'RUNNING') THEN
        RETURN jsonb_build_object('outcome', 'refused', 'status', j.status);
    END IF;
    IF j.cancel_requested_at IS NOT NULL THEN
        RETURN jsonb_build_object('outcome', 'accepted', 'status', j.status);
    END IF;
    IF j.status = 'RUNNING' AND NOT j.parked AND v_attempt IS DISTINCT FROM j.attempt THEN
        -- An attempt began or ended between the two looks.
        RAISE EXCEPTION 'The job moved meanwhile.' USING ERRCODE = 'serialization_failure';
    END IF;
    UPDATE jobs SET cancel_requested_at = clock_timestamp() WHERE job_id = p_job RETURNING * INTO j;
    IF j.status = 'RUNNING' AND NOT j.parked THEN
        IF EXISTS (SELECT FROM job_steps WHERE job_id = p_job AND status = 'RUNNING' AND always) THEN
            UPDATE jobs SET ending = coalesce(ending, v_ending) WHERE job_id = p_job RETURNING * INTO j;
            v_attempt := NULL;
        ELSE
            UPDATE job_attempts SET revoked_at = clock_timestamp() WHERE job_id = p_job AND attempt = v_attempt;
        END IF;
        PERFORM emit_v1(j.job_id, j.tenant_id, j.env_id, jsonb_build_array(status_event_v1(j, 'cancel_requested')));
        RETURN jsonb_strip_nulls(jsonb_build_object('outcome', 'accepted', 'status', j.status, 'attempt', v_attempt));
    END IF;
    UPDATE jobs SET ending = coalesce(ending, v_ending) WHERE job_id = p_job RETURNING * INTO j;
    DELETE FROM procrastinate_jobs WHERE args ->> 'jobId' = p_job AND status = 'todo';
    IF j.attempt = 0 OR next_step_v1(j) IS NULL THEN
        j := finalize_v1(p_job, '[]');
        RETURN jsonb_build_object('outcome', 'accepted', 'status', j.status);
    END IF;
    UPDATE jobs SET run_at = least(run_at, clock_timestamp()), waiting = NULL, waiting_lock = NULL WHERE job_id = p_job RETURNING * INTO j;
    PERFORM emit_v1(j.job_id, j.tenant_id, j.env_id, jsonb_build_array(status_event_v1(j, 'cancel_requested')));
    PERFORM issue_ticket_v1(j);
    RETURN jsonb_build_object('outcome', 'accepted', 'status', j.status);
END
$$;

-- Fence, mark the step DONE with its output, and advance: one commit with the step's effect.
CREATE OR REPLACE FUNCTION finish_step_v1(p_job text, p_attempt integer, p_idx smallint, p_output jsonb, p_progress jsonb) RETURNS jsonb
LANGUAGE plpgsql SET search_path = stepmill, pg_temp AS $$
DECLARE
    j jobs;
    s job_steps;
BEGIN
    -- The fence and the job in one look: this runs for every step.
    SELECT j_.* INTO j FROM job_attempts a JOIN jobs j_ USING (job_id)
    WHERE a.job_id = p_job AND a.attempt = p_attempt AND a.ended_at IS NULL AND a.revoked_at IS NULL FOR UPDATE OF a;
    IF NOT FOUND THEN
        PERFORM fence_v1(p_job, p_attempt);
    END IF;
    PERFORM guard_lock_key_v1(j.lock_key);
    UPDATE job_steps SET status = 'DONE', finished_at = clock_timestamp(), output = p_output,
        progress = coalesce(p_progress, progress)
    WHERE job_id = p_job AND idx = p_idx RETURNING * INTO s;
    IF s.always THEN
        -- A cancel leaves its attempt current, so that the look above, if it waited for that cancel, has missed it.
        SELECT * INTO j FROM jobs WHERE job_id = p_job;
    END IF;
    RETURN advance_v1(j, p_attempt, p_idx, jsonb_build_array(step_event_v1(s)));
END
$$;

-- Take an attempt away from its worker: it died, was told to stop, lost the database, or did not heed a cancel. The job goes
-- back to PENDING. New here: an always-step is run again, and an error that the job had already stays its error.
CREATE OR REPLACE FUNCTION rescue_v1(p_job text, p_attempt integer, p_reason text, p_max_crashes integer) RETURNS text
LANGUAGE plpgsql SET search_path = stepmill, pg_temp AS $$
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
        j.ending := coalesce(j.ending, jsonb_build_object('status', 'CANCELLED', 'error', v_error));
        IF s.always THEN
            v_error := NULL;
        END IF;
    ELSIF j.crashes >= p_max_crashes AND (j.ending IS NULL OR s.always) THEN
        v_error := jsonb_build_object('code', 'crashed_repeatedly', 'retryable', false, 'message', format(
            'The worker died %s times in step %s without progress. Look at the worker''s log and memory, then retry.', j.crashes, s.name));
        IF j.ending ->> 'status' IS DISTINCT FROM 'ERROR' THEN
            j.ending := jsonb_build_object('status', 'ERROR', 'error', v_error);
        END IF;
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

-- A user's retry: back to PENDING at the first step that is not DONE, or at p_from.
CREATE OR REPLACE FUNCTION retry_v1(p_job text, p_from smallint) RETURNS jsonb LANGUAGE plpgsql SET search_path = stepmill, pg_temp AS $$
DECLARE
    j jobs;
    v_first smallint;
    v_back smallint[];
    v_events jsonb;
BEGIN
    SELECT * INTO j FROM jobs WHERE job_id = p_job FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    IF j.status NOT IN ('ERROR', 'CANCELLED') THEN
        RETURN jsonb_build_object('outcome', 'refused', 'status', j.status);
    END IF;
    SELECT min(idx) INTO v_first FROM job_steps WHERE job_id = p_job AND status <> 'DONE' AND NOT always;
    IF p_from > v_first THEN
        RETURN jsonb_build_object('outcome', 'too_late', 'step', (SELECT name FROM job_steps WHERE job_id = p_job AND idx = v_first));
    END IF;
    SELECT array_agg(idx) INTO v_back FROM job_steps
    WHERE job_id = p_job AND status <> 'PENDING' AND (always OR status = 'ERROR' OR idx >= p_from);
    UPDATE job_steps SET status = 'PENDING', started_at = NULL, finished_at = NULL, progress = NULL, output = NULL, error = NULL
    WHERE job_id = p_job AND (always OR status = 'ERROR' OR idx >= p_from);
    UPDATE jobs SET status = 'PENDING', failures = 0, crashes = 0, crashed_at_step = NULL, crashed_at_progress = NULL, ending = NULL,
        error = NULL, result = NULL, waiting = NULL, cancel_requested_at = NULL, finished_at = NULL, run_at = clock_timestamp()
    WHERE job_id = p_job RETURNING * INTO j;
    SELECT coalesce(jsonb_agg(step_event_v1(s, 'retry') ORDER BY s.idx), '[]') INTO v_events
    FROM job_steps s WHERE s.job_id = p_job AND s.idx = ANY (v_back);
    PERFORM emit_v1(j.job_id, j.tenant_id, j.env_id, v_events || jsonb_build_array(status_event_v1(j, 'retry')));
    PERFORM issue_ticket_v1(j);
    RETURN jsonb_build_object('outcome', 'accepted', 'status', j.status);
END
$$;

-- Jobs that others kill, tickets that others hold.

-- As before. New here: `p_at_once` leaves out jobs whose worker has died. Those that begin together count the death of their
-- worker each, and one that kills it would take the others along time after time.
CREATE OR REPLACE FUNCTION begin_attempt_v1(p_job text, p_worker text, p_limits jsonb DEFAULT NULL, p_at_once boolean DEFAULT false) RETURNS jsonb
LANGUAGE plpgsql
SET search_path = stepmill, pg_temp SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
    j jobs;
    v_idx smallint;
    v_busy boolean := false;
    v_tenant text;
    v_key text;
    v_limit integer;
    v_mark text;
    v_step job_steps;
    v_now timestamptz;
BEGIN
    IF p_limits IS NULL THEN
        SELECT * INTO j FROM jobs
        WHERE job_id = p_job AND (status = 'PENDING' OR parked) AND run_at <= clock_timestamp() AND lock_key IS NULL
            AND (crashes = 0 OR NOT p_at_once)
        FOR NO KEY UPDATE SKIP LOCKED;
    END IF;
    IF j.job_id IS NULL THEN
        IF p_at_once THEN
            RETURN NULL;
        END IF;
        -- Locks and limits are asked for before the job's row, by all.
        SELECT tenant_id, lock_key INTO v_tenant, v_key FROM jobs WHERE job_id = p_job;
        IF v_key IS NOT NULL THEN
            PERFORM guard_lock_key_v1(v_key);
        END IF;
        v_limit := coalesce(p_limits ->> v_tenant, p_limits ->> '*')::integer;
        IF v_limit IS NOT NULL THEN
            PERFORM pg_advisory_xact_lock(hashtextextended('tenant/' || v_tenant, 5042));
        END IF;
        SELECT * INTO j FROM jobs
        WHERE job_id = p_job AND (status = 'PENDING' OR parked) AND run_at <= clock_timestamp() FOR NO KEY UPDATE;
        IF NOT FOUND THEN
            RETURN NULL;
        END IF;
    END IF;
    IF v_limit IS NOT NULL AND v_limit <= (SELECT count(*) FROM job_attempts WHERE tenant_id = j.tenant_id AND outcome IS NULL) THEN
        UPDATE jobs SET waiting = jsonb_build_object('code', 'limit', 'limit', v_limit, 'since', CASE
            WHEN waiting ->> 'code' IN ('limit', 'queued') THEN waiting ->> 'since' ELSE rfc3339(clock_timestamp()) END)
        WHERE job_id = p_job RETURNING * INTO j;
        PERFORM emit_v1(j.job_id, j.tenant_id, j.env_id, jsonb_build_array(status_event_v1(j, 'waiting_for_limit')));
        RETURN jsonb_build_object('outcome', 'waiting');
    END IF;
    -- Before its first attempt no step of a job has run.
    v_idx := CASE WHEN j.attempt = 0 AND j.ending IS NULL THEN 0 ELSE next_step_v1(j) END;
    IF j.lock_key IS NOT NULL AND j.ending IS NULL AND v_idx BETWEEN j.lock_from AND j.lock_to THEN
        v_busy := NOT take_lock_v1(j, j.attempt + 1);
        IF v_busy AND NOT fails_if_busy_v1(j) THEN
            PERFORM wait_for_lock_v1(j);
            RETURN jsonb_build_object('outcome', 'waiting');
        END IF;
    END IF;
    v_mark := set_config('stepmill.whole_move', 'on', true);
    v_now := clock_timestamp();
    UPDATE jobs SET status = 'RUNNING', parked = false, waiting = NULL, waiting_lock = NULL, attempt = attempt + 1,
        started_at = coalesce(started_at, v_now)
    WHERE job_id = p_job RETURNING * INTO j;
    INSERT INTO job_attempts (job_id, attempt, worker_id, tenant_id) VALUES (p_job, j.attempt, p_worker, j.tenant_id);
    UPDATE job_steps SET status = 'RUNNING', attempt = j.attempt, started_at = v_now, finished_at = NULL, error = NULL, progress = NULL
    WHERE job_id = p_job AND idx = v_idx RETURNING * INTO v_step;
    PERFORM append_v1(j.job_id, j.tenant_id, j.env_id, ARRAY['status', 'step'], ARRAY[status_data_v1(j), step_data_v1(v_step)]);
    v_mark := set_config('stepmill.whole_move', 'off', true);
    RETURN (
        SELECT jsonb_build_object('outcome', CASE WHEN v_busy THEN 'busy' ELSE 'run' END, 'idx', v_idx, 'job', to_jsonb(j),
            'steps', jsonb_agg(s.name ORDER BY s.idx), 'outputs', jsonb_object_agg(s.name, s.output) FILTER (WHERE s.status = 'DONE'))
        FROM job_steps s WHERE s.job_id = p_job);
END
$$;

-- As before. New here: the ticket goes also where the database was lost.
CREATE OR REPLACE FUNCTION rescue_v1(p_job text, p_attempt integer, p_reason text, p_max_crashes integer) RETURNS text
LANGUAGE plpgsql SET search_path = stepmill, pg_temp AS $$
DECLARE
    j jobs;
    s job_steps;
    v_error jsonb;
    v_revoked timestamptz;
    v_same boolean;
    v_now timestamptz := clock_timestamp();
BEGIN
    SELECT revoked_at INTO v_revoked FROM job_attempts WHERE job_id = p_job AND attempt = p_attempt AND ended_at IS NULL FOR UPDATE;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    SELECT * INTO j FROM jobs WHERE job_id = p_job;
    PERFORM guard_lock_key_v1(j.lock_key);
    SELECT * INTO j FROM jobs WHERE job_id = p_job FOR NO KEY UPDATE;
    SELECT * INTO s FROM job_steps WHERE job_id = p_job AND status = 'RUNNING';
    IF p_reason <> 'shutdown' THEN
        -- Its worker may not remove its ticket any more, which would take a place of its type for as long as the next runs.
        DELETE FROM procrastinate_jobs WHERE args ->> 'jobId' = p_job AND status = 'doing';
    END IF;
    j.run_at := least(j.run_at, v_now);
    IF p_reason IN ('crashed', 'database_lost') THEN
        v_same := coalesce(j.crashed_at_step = s.idx, false) AND j.crashed_at_progress IS NOT DISTINCT FROM s.progress -> 'done';
        j.crashes := CASE WHEN v_same THEN j.crashes ELSE 0 END + (p_reason = 'crashed')::integer;
        j.losses := CASE WHEN v_same THEN j.losses ELSE 0 END + (p_reason = 'database_lost')::integer;
        j.crashed_at_step := s.idx;
        j.crashed_at_progress := s.progress -> 'done';
    END IF;
    IF p_reason = 'database_lost' AND j.losses > 1 THEN
        j.run_at := v_now + make_interval(secs => random() * least(30, 0.5 * 2.0 ^ (j.losses - 1)));
        j.waiting := jsonb_build_object('code', 'backoff', 'since', rfc3339(v_now), 'until', rfc3339(j.run_at),
            'error', jsonb_build_object('code', 'database_lost', 'message', 'The database was lost.', 'retryable', true));
    END IF;
    IF v_revoked IS NOT NULL THEN
        v_error := jsonb_build_object('code', 'cancelled', 'message', 'The job was cancelled.', 'retryable', false,
            'details', jsonb_build_object('stoppedAfterMs', round(extract(epoch FROM clock_timestamp() - v_revoked) * 1000)));
        j.ending := coalesce(j.ending, jsonb_build_object('status', 'CANCELLED', 'error', v_error));
        IF s.always THEN
            v_error := NULL;
        END IF;
    ELSIF (j.crashes >= p_max_crashes OR j.losses >= 4 * p_max_crashes) AND (j.ending IS NULL OR s.always) THEN
        v_error := jsonb_build_object('code', 'crashed_repeatedly', 'retryable', false, 'message', CASE
            WHEN j.crashes >= p_max_crashes THEN format('The worker died %s times in step %s without progress.'
                ' Look at the worker''s log and memory, then retry.', j.crashes, s.name)
            ELSE format('The database was lost %s times in step %s without progress.'
                ' Look at the database''s log, then retry.', j.losses, s.name) END);
        IF j.ending ->> 'status' IS DISTINCT FROM 'ERROR' THEN
            j.ending := jsonb_build_object('status', 'ERROR', 'error', v_error);
        END IF;
    END IF;
    IF v_error IS NULL THEN
        PERFORM requeue_v1(j, p_attempt, s.idx, p_reason, NULL);
        RETURN 'PENDING';
    END IF;
    UPDATE job_steps SET status = 'ERROR', finished_at = clock_timestamp(), error = v_error
    WHERE job_id = p_job AND idx = s.idx RETURNING * INTO s;
    UPDATE jobs SET ending = j.ending, crashes = j.crashes, losses = j.losses WHERE job_id = p_job RETURNING * INTO j;
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

-- The end of a job's last step and, for the place in the worker that it leaves, the claim of the next ticket as `claim_v1` has it:
-- one commit less for each job. Only where no type has a limit, whose claims may wait for one another.
CREATE FUNCTION finish_and_claim_v1(
    p_job text, p_attempt integer, p_idx smallint, p_output jsonb, p_progress jsonb, p_types varchar[], p_number bigint, p_worker text)
RETURNS TABLE (following jsonb, ticket procrastinate_jobs, begun jsonb) LANGUAGE plpgsql SET search_path = stepmill, pg_temp AS $$
DECLARE
    v_claim record;
BEGIN
    -- The answer carries a whole job: a worker that is frozen may never take it, and its claims are ended by this name.
    PERFORM set_config('application_name', 'stepmill:tickets:' || right(p_worker, 46), true);
    following := finish_step_v1(p_job, p_attempt, p_idx, p_output, p_progress);
    IF following ->> 'status' = 'DONE' THEN
        FOR v_claim IN SELECT * FROM claim_v1(p_types, p_number, 1, p_worker) LOOP
            ticket := v_claim.ticket;
            begun := v_claim.begun;
        END LOOP;
    END IF;
    RETURN NEXT;
END
$$;

-- Jobs that kill their workers, one at a time in each; and what one process at a time does, held by a row that only the engine
-- may write: any session may hold an advisory lock, and whoever held that of the sweeper stopped all rescues.

-- Whether the worker runs a job whose worker has died twice in the same step. Two that begin at once wait for one another.
CREATE FUNCTION has_killed_v1(p_worker text) RETURNS boolean LANGUAGE plpgsql SET search_path = stepmill, pg_temp AS $$
BEGIN
    PERFORM FROM workers WHERE worker_id = p_worker FOR NO KEY UPDATE;
    RETURN EXISTS (SELECT FROM job_attempts a JOIN jobs j USING (job_id) WHERE a.worker_id = p_worker AND a.outcome IS NULL AND j.crashes >= 2);
END
$$;

CREATE FUNCTION stand_aside_v1(j jobs) RETURNS void LANGUAGE plpgsql SET search_path = stepmill, pg_temp AS $$
DECLARE
    v_now timestamptz := clock_timestamp();
    v_stood_aside boolean := coalesce(j.waiting ->> 'code' = 'stands_aside', false);
BEGIN
    UPDATE jobs SET run_at = v_now + make_interval(secs => 1 + random()), waiting = jsonb_build_object('code', 'stands_aside', 'since',
        CASE WHEN v_stood_aside THEN waiting ->> 'since' ELSE rfc3339(v_now) END)
    WHERE job_id = j.job_id RETURNING * INTO j;
    IF NOT v_stood_aside THEN
        PERFORM emit_v1(j.job_id, j.tenant_id, j.env_id, jsonb_build_array(status_event_v1(j, 'stands_aside')));
    END IF;
    PERFORM issue_ticket_v1(j, true);
END
$$;

-- As before. New here: a job in whose step its worker has died twice does not run beside another such one. The first deaths of
-- a worker count for all that it ran; the one that kills it would take the others along until all had ended.
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
    IF j.crashes >= 2 AND has_killed_v1(p_worker) THEN
        PERFORM stand_aside_v1(j);
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


-- `held_by` is the process of the holder's session, which nobody may forge; `held_since` when it took it.
CREATE TABLE duties (
    name text PRIMARY KEY,
    held_by integer,
    held_since timestamptz
);
INSERT INTO duties (name) VALUES ('sweep'), ('housekeeping'), ('stamp');
GRANT SELECT, UPDATE ON duties TO stepmill_engine;

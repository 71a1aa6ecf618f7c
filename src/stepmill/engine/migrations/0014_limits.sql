-- How many jobs of a tenant may run at once: its next job stands aside without a ticket until another one ends. The workers'
-- settings say how many.

CREATE INDEX jobs_at_limit_idx ON jobs (tenant_id, priority DESC, (waiting ->> 'since'), job_id)
    WHERE waiting ->> 'code' = 'limit';
CREATE INDEX job_attempts_of_tenant_idx ON job_attempts (tenant_id) WHERE ended_at IS NULL;

-- Let the next job of a tenant that stands aside go on. It keeps its place, should it have to stand aside again.
CREATE FUNCTION wake_limited_v1(p_tenant text) RETURNS boolean LANGUAGE plpgsql SET search_path = stepmill, pg_temp AS $$
DECLARE
    j jobs;
BEGIN
    UPDATE jobs SET waiting = waiting || '{"code": "queued"}' WHERE job_id = (
        SELECT job_id FROM jobs WHERE tenant_id = p_tenant AND waiting ->> 'code' = 'limit'
        ORDER BY priority DESC, waiting ->> 'since', job_id LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED)
    RETURNING * INTO j;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM issue_ticket_v1(j);
    RETURN true;
END
$$;

CREATE OR REPLACE FUNCTION end_attempt_v1(p_job text, p_attempt integer, p_outcome text) RETURNS void LANGUAGE plpgsql
SET search_path = stepmill, pg_temp AS $$
DECLARE
    v_tenant text;
BEGIN
    UPDATE job_attempts SET ended_at = clock_timestamp(), outcome = p_outcome
    WHERE job_id = p_job AND attempt = p_attempt AND ended_at IS NULL RETURNING tenant_id INTO v_tenant;
    IF FOUND THEN
        PERFORM wake_limited_v1(v_tenant);
    END IF;
END
$$;

-- For the sweeper: tenants that have jobs aside though they are below their limit, {tenant: limit}, "*" for all others.
CREATE FUNCTION wake_below_limit_v1(p_limits jsonb) RETURNS void LANGUAGE plpgsql SET search_path = stepmill, pg_temp AS $$
DECLARE
    v_tenant text;
    v_places bigint;
BEGIN
    FOR v_tenant IN SELECT DISTINCT tenant_id FROM jobs WHERE waiting ->> 'code' = 'limit' LOOP
        SELECT coalesce(p_limits ->> v_tenant, p_limits ->> '*')::bigint - count(*) INTO v_places
        FROM job_attempts WHERE tenant_id = v_tenant AND ended_at IS NULL;
        FOR i IN 1 .. least(coalesce(v_places, 100), 100) LOOP
            EXIT WHEN NOT wake_limited_v1(v_tenant);
        END LOOP;
    END LOOP;
END
$$;

-- Begin an attempt, if the job may run now. Null when it may not (the ticket is stale); {outcome: "waiting"} when its lock is
-- taken or its tenant at its limit; else {outcome: "run" | "busy", job, idx, steps: [name], outputs}.
-- `p_limits` are running jobs by tenant, "*" for the others.
DROP FUNCTION begin_attempt_v1(text, text);
CREATE FUNCTION begin_attempt_v1(p_job text, p_worker text, p_limits jsonb DEFAULT NULL) RETURNS jsonb LANGUAGE plpgsql
SET search_path = stepmill, pg_temp AS $$
DECLARE
    j jobs;
    v_idx smallint;
    v_busy boolean := false;
    v_limit integer;
BEGIN
    SELECT * INTO j FROM jobs WHERE job_id = p_job;
    PERFORM guard_lock_key_v1(j.lock_key);
    v_limit := coalesce(p_limits ->> j.tenant_id, p_limits ->> '*')::integer;
    IF v_limit IS NOT NULL THEN
        PERFORM pg_advisory_xact_lock(hashtextextended('tenant/' || j.tenant_id, 5042));
    END IF;
    SELECT * INTO j FROM jobs
    WHERE job_id = p_job AND (status = 'PENDING' OR parked) AND run_at <= clock_timestamp() FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    IF v_limit <= (SELECT count(*) FROM job_attempts WHERE tenant_id = j.tenant_id AND ended_at IS NULL) THEN
        UPDATE jobs SET waiting = jsonb_build_object('code', 'limit', 'limit', v_limit, 'since', CASE
            WHEN waiting ->> 'code' IN ('limit', 'queued') THEN waiting ->> 'since' ELSE rfc3339(clock_timestamp()) END)
        WHERE job_id = p_job RETURNING * INTO j;
        PERFORM emit_v1(j.job_id, j.tenant_id, j.env_id, jsonb_build_array(status_event_v1(j, 'waiting_for_limit')));
        RETURN jsonb_build_object('outcome', 'waiting');
    END IF;
    v_idx := next_step_v1(j);
    IF j.lock_key IS NOT NULL AND j.ending IS NULL AND v_idx BETWEEN j.lock_from AND j.lock_to THEN
        v_busy := NOT take_lock_v1(j, j.attempt + 1);
        IF v_busy AND NOT fails_if_busy_v1(j) THEN
            PERFORM wait_for_lock_v1(j);
            RETURN jsonb_build_object('outcome', 'waiting');
        END IF;
    END IF;
    UPDATE jobs SET status = 'RUNNING', parked = false, waiting = NULL, waiting_lock = NULL, attempt = attempt + 1,
        started_at = coalesce(started_at, clock_timestamp())
    WHERE job_id = p_job RETURNING * INTO j;
    INSERT INTO job_attempts (job_id, attempt, worker_id, tenant_id) VALUES (p_job, j.attempt, p_worker, j.tenant_id);
    PERFORM emit_v1(j.job_id, j.tenant_id, j.env_id,
        jsonb_build_array(status_event_v1(j), start_step_v1(p_job, v_idx, j.attempt)));
    RETURN (
        SELECT jsonb_build_object('outcome', CASE WHEN v_busy THEN 'busy' ELSE 'run' END, 'idx', v_idx, 'job', to_jsonb(j),
            'steps', jsonb_agg(s.name ORDER BY s.idx), 'outputs', jsonb_object_agg(s.name, s.output) FILTER (WHERE s.status = 'DONE'))
        FROM job_steps s WHERE s.job_id = p_job);
END
$$;

-- For the sweeper: tickets for due jobs that have none. New here: a job that stands aside for its tenant's limit needs none.
CREATE OR REPLACE FUNCTION issue_missing_tickets_v1(p_after text, p_limit integer) RETURNS text LANGUAGE plpgsql
SET search_path = stepmill, pg_temp AS $$
DECLARE
    j jobs;
    v_last text;
    v_seen integer := 0;
BEGIN
    FOR j IN
        SELECT * FROM jobs WHERE (status = 'PENDING' OR parked) AND waiting_lock IS NULL AND job_id > p_after
            AND waiting ->> 'code' IS DISTINCT FROM 'limit' AND run_at < clock_timestamp() - interval '1 second'
        ORDER BY job_id LIMIT p_limit
    LOOP
        v_last := j.job_id;
        v_seen := v_seen + 1;
        IF NOT EXISTS (SELECT FROM procrastinate_jobs t WHERE t.args ->> 'jobId' = j.job_id AND t.status IN ('todo', 'doing')) THEN
            PERFORM issue_ticket_v1(j);
        END IF;
    END LOOP;
    RETURN CASE WHEN v_seen = p_limit THEN v_last ELSE '' END;
END
$$;

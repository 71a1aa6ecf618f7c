-- Jobs that kill their workers, one at a time in each; and what one process at a time does, held by a row that only the engine
-- may write: any session may hold an advisory lock, and whoever held that of the sweeper stopped all rescues.

-- Whether workers have died three times while they ran the job, whatever progress it made. Deaths from outside seldom come so often.
CREATE FUNCTION may_kill_v1(j jobs) RETURNS boolean LANGUAGE sql STABLE SET search_path = stepmill, pg_temp AS $$
    SELECT j.attempt >= 3 AND (SELECT count(*) >= 3 FROM job_attempts a WHERE a.job_id = j.job_id AND a.outcome = 'crashed')
$$;

-- Whether the worker runs such a job, and for no longer yet than twice what its workers needed to die: after that it seems harmless.
-- Two that begin at once wait for one another.
CREATE FUNCTION runs_killer_v1(p_worker text) RETURNS boolean LANGUAGE plpgsql SET search_path = stepmill, pg_temp AS $$
BEGIN
    PERFORM FROM workers WHERE worker_id = p_worker FOR NO KEY UPDATE;
    RETURN EXISTS (SELECT FROM job_attempts a JOIN jobs j USING (job_id)
        WHERE a.worker_id = p_worker AND a.outcome IS NULL AND may_kill_v1(j) AND clock_timestamp() - a.started_at < 2 * (
            SELECT max(c.ended_at - c.started_at) FROM job_attempts c WHERE c.job_id = j.job_id AND c.outcome = 'crashed'));
END
$$;

-- Its lock goes to the next in line meanwhile. The longer it stands aside the less often it looks.
CREATE FUNCTION stand_aside_v1(j jobs) RETURNS void LANGUAGE plpgsql SET search_path = stepmill, pg_temp AS $$
DECLARE
    v_now timestamptz := clock_timestamp();
    v_since timestamptz := CASE WHEN j.waiting ->> 'code' = 'stands_aside' THEN (j.waiting ->> 'since')::timestamptz END;
    v_seconds double precision := least(15, 1 + coalesce(extract(epoch FROM v_now - v_since), 0) / 2) * (0.75 + random() / 2);
BEGIN
    UPDATE jobs SET run_at = v_now + make_interval(secs => v_seconds),
        waiting = jsonb_build_object('code', 'stands_aside', 'since', rfc3339(coalesce(v_since, v_now)))
    WHERE job_id = j.job_id RETURNING * INTO j;
    PERFORM release_lock_v1(j.job_id, j.lock_key);
    IF v_since IS NULL THEN
        PERFORM emit_v1(j.job_id, j.tenant_id, j.env_id, jsonb_build_array(status_event_v1(j, 'stands_aside')));
    END IF;
    PERFORM issue_ticket_v1(j, true);
END
$$;

-- As before. New here: a job whose workers have died three times does not begin beside another such one. The first deaths of
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
    IF j.attempt >= 3 AND may_kill_v1(j) AND runs_killer_v1(p_worker) THEN
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

-- As before. New here: a ticket that is lost with its worker is given anew at once, not when the sweep comes to its job.
CREATE OR REPLACE FUNCTION drop_idle_tickets_v1(p_seconds double precision) RETURNS bigint LANGUAGE plpgsql SET search_path = stepmill, pg_temp AS $$
DECLARE
    t procrastinate_jobs;
    j jobs;
    v_dropped bigint := 0;
BEGIN
    FOR t IN
        SELECT * FROM procrastinate_jobs i
        WHERE i.status = 'doing' AND coalesce(i.taken_at, '-infinity') < clock_timestamp() - make_interval(secs => p_seconds)
            AND NOT EXISTS (SELECT FROM job_attempts a WHERE a.job_id = i.args ->> 'jobId' AND a.ended_at IS NULL)
        ORDER BY i.taken_at, i.id FOR UPDATE SKIP LOCKED
    LOOP
        DELETE FROM procrastinate_jobs WHERE id = t.id;
        v_dropped := v_dropped + 1;
        SELECT * INTO j FROM jobs WHERE job_id = t.args ->> 'jobId' AND (status = 'PENDING' OR parked) AND waiting_lock IS NULL
            AND waiting ->> 'code' IS DISTINCT FROM 'limit';
        IF FOUND AND NOT EXISTS (
            SELECT FROM procrastinate_jobs o WHERE o.args ->> 'jobId' = j.job_id AND o.status IN ('todo', 'doing'))
        THEN
            PERFORM issue_ticket_v1(j, true);
        END IF;
    END LOOP;
    RETURN v_dropped;
END
$$;

-- Some of a job's oldest events, up to so many. Answers how many more there are.
CREATE FUNCTION prune_some_events_v1(p_job text, p_most bigint) RETURNS bigint LANGUAGE plpgsql SET search_path = stepmill, pg_temp AS $$
DECLARE
    c job_event_counters;
BEGIN
    UPDATE job_event_counters SET pruned_to = least(last_seq, pruned_to + p_most) WHERE job_id = p_job AND pruned_to < last_seq RETURNING * INTO c;
    DELETE FROM job_events WHERE job_id = p_job AND seq <= c.pruned_to;
    RETURN coalesce(c.last_seq - c.pruned_to, 0);
END
$$;

-- As before. New here: so many that their events are a small batch, too. Of a job with more than that, some of them go first.
CREATE OR REPLACE FUNCTION prune_jobs_v1(p_before timestamptz, p_limit integer) RETURNS bigint LANGUAGE plpgsql
SET search_path = stepmill, pg_temp AS $$
DECLARE
    v_jobs text[];
    v_events bigint[];
    v_most CONSTANT bigint := 20000;
BEGIN
    SELECT array_agg(job_id ORDER BY finished_at, job_id), array_agg(events ORDER BY finished_at, job_id) INTO v_jobs, v_events FROM (
        SELECT j.job_id, j.finished_at, coalesce((SELECT last_seq - pruned_to FROM job_event_counters c WHERE c.job_id = j.job_id), 0) AS events
        FROM jobs j WHERE j.finished_at < p_before AND j.status IN ('DONE', 'ERROR', 'CANCELLED')
        ORDER BY j.finished_at, j.job_id LIMIT p_limit FOR UPDATE SKIP LOCKED) AS chosen;
    IF v_jobs IS NULL THEN
        RETURN 0;
    END IF;
    IF v_events[1] > v_most THEN
        PERFORM prune_some_events_v1(v_jobs[1], v_most);
        RETURN 1;
    END IF;
    DELETE FROM jobs WHERE job_id IN (
        SELECT job_id FROM (SELECT job_id, sum(events) OVER (ORDER BY place) AS up_to
            FROM unnest(v_jobs, v_events) WITH ORDINALITY AS each (job_id, events, place)) AS counted WHERE up_to <= v_most);
    RETURN cardinality(v_jobs);
END
$$;

-- As before. New here: no more events at once than make a small batch; the next call goes on there.
CREATE OR REPLACE FUNCTION prune_events_v2(p_after timestamptz, p_before timestamptz, p_limit integer) RETURNS jsonb LANGUAGE plpgsql
SET search_path = stepmill, pg_temp AS $$
DECLARE
    v_all text[];
    v_last timestamptz;
    v_left timestamptz;
    v_most bigint := 20000;
    v_job record;
BEGIN
    SELECT array_agg(job_id ORDER BY finished_at, job_id), max(finished_at) INTO v_all, v_last FROM (
        SELECT job_id, finished_at FROM jobs WHERE finished_at > p_after AND finished_at < p_before
            AND status IN ('DONE', 'ERROR', 'CANCELLED')
        ORDER BY finished_at FETCH FIRST p_limit ROWS WITH TIES) AS finished;
    FOR v_job IN
        SELECT j.job_id, j.finished_at, c.last_seq - c.pruned_to AS events
        FROM jobs j JOIN job_event_counters c USING (job_id)
        WHERE j.job_id = ANY (v_all) AND j.finished_at < p_before AND j.status IN ('DONE', 'ERROR', 'CANCELLED')
        ORDER BY j.finished_at, j.job_id FOR NO KEY UPDATE OF j SKIP LOCKED
    LOOP
        v_all := array_remove(v_all, v_job.job_id);
        IF v_job.events > 0 AND prune_some_events_v1(v_job.job_id, v_most) > 0 THEN
            -- Those that are left and come before it are others' just now.
            SELECT min(finished_at) INTO v_left FROM jobs WHERE job_id = ANY (v_all) AND finished_at < v_job.finished_at;
            RETURN jsonb_build_object('last', v_job.finished_at - interval '1 microsecond', 'left', v_left);
        END IF;
        v_most := greatest(1, v_most - v_job.events);
    END LOOP;
    SELECT min(finished_at) INTO v_left FROM jobs WHERE job_id = ANY (v_all);
    RETURN jsonb_build_object('last', v_last, 'left', v_left);
END
$$;

-- A list of those that are DONE, too, is read by an index where most of a tenant's jobs are not.
DROP INDEX jobs_not_done_idx;
CREATE INDEX jobs_of_status_idx ON jobs (tenant_id, status, created_at DESC, job_id DESC);

-- Events go from the first on; not all together, which may be very many.
CREATE OR REPLACE FUNCTION guard_pruning() RETURNS trigger LANGUAGE plpgsql SET search_path = stepmill, pg_temp AS $$
BEGIN
    IF NEW.last_seq <> OLD.last_seq OR NEW.pruned_to NOT BETWEEN OLD.pruned_to AND OLD.last_seq OR is_at_work_v1(NEW.job_id) THEN
        RAISE EXCEPTION 'The events of job % go from the first on, when it is at rest.', NEW.job_id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;

-- Who comes back, after a rescue, a back-off or a wait, is served before its tenant's new jobs, and not before everybody's.

ALTER TABLE jobs ADD COLUMN losses integer NOT NULL DEFAULT 0; -- of the database, in a row, in the same step without progress
ALTER TABLE procrastinate_jobs ADD COLUMN returns boolean NOT NULL DEFAULT false;
CREATE INDEX stepmill_tickets_returning_idx ON procrastinate_jobs (tenant, queue_name, priority, tag)
    WHERE status = 'todo' AND ready AND returns;

-- The tag that was served last, for each type and priority: it is the time of a type that has no tickets. Those of a type
-- that stands still must not be it. After a crash it is empty, and the smallest tag serves for a while.
CREATE UNLOGGED TABLE queue_served (
    type text NOT NULL,
    priority integer NOT NULL,
    tag bigint NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (type, priority)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
GRANT SELECT, INSERT, UPDATE ON queue_served TO stepmill_engine;
GRANT SELECT ON queue_served TO stepmill_api;

-- A list of one type's or one environment's jobs begins where they are, however few they are among the others.
CREATE INDEX jobs_newest_of_type_idx ON jobs (tenant_id, type, created_at DESC, job_id DESC);
CREATE INDEX jobs_newest_of_env_idx ON jobs (tenant_id, env_id, created_at DESC, job_id DESC);

-- Those that may lack a ticket: a sweep passes over none that wait for a lock or stand aside for a limit, however many.
DROP INDEX jobs_pending_idx;
CREATE INDEX jobs_pending_idx ON jobs (job_id)
    WHERE (status = 'PENDING' OR parked) AND waiting_lock IS NULL AND waiting ->> 'code' IS DISTINCT FROM 'limit';

-- No ticket is looked for among those of all types, and no claim may be led through them.
DROP INDEX stepmill_tickets_all_types_idx;

-- The tag of a newcomer: that of its type's first ticket; if there is none, the one that was served last among the types that
-- the same workers run.
CREATE OR REPLACE FUNCTION next_tag_v1(p_type text, p_priority integer) RETURNS bigint LANGUAGE plpgsql STABLE
SET search_path = stepmill, pg_temp AS $$
DECLARE
    v_tag bigint;
BEGIN
    SELECT tag INTO v_tag FROM procrastinate_jobs
    WHERE status = 'todo' AND ready AND queue_name = p_type AND priority = p_priority ORDER BY tag, id LIMIT 1;
    IF NOT FOUND THEN
        SELECT tag INTO v_tag FROM queue_served s
        WHERE s.priority = p_priority AND (s.type = p_type OR EXISTS (
            SELECT FROM workers w WHERE p_type = ANY (w.types) AND s.type = ANY (w.types)))
        ORDER BY s.at DESC LIMIT 1;
    END IF;
    IF NOT FOUND THEN
        -- Each type that has tickets is looked up by itself: their number does not matter.
        WITH RECURSIVE waiting (type) AS (
            (SELECT queue_name FROM procrastinate_jobs WHERE status = 'todo' AND ready ORDER BY queue_name LIMIT 1)
            UNION ALL
            SELECT (SELECT queue_name FROM procrastinate_jobs t
                WHERE t.status = 'todo' AND t.ready AND t.queue_name > w.type ORDER BY t.queue_name LIMIT 1)
            FROM waiting w WHERE w.type IS NOT NULL)
        SELECT min(first.tag) INTO v_tag FROM waiting w CROSS JOIN LATERAL (
            SELECT tag FROM procrastinate_jobs
            WHERE status = 'todo' AND ready AND queue_name = w.type AND priority = p_priority ORDER BY tag, id LIMIT 1) AS first;
    END IF;
    RETURN coalesce(v_tag, 0);
END
$$;

-- Those of a flow that come back are a flow of their own: each is one behind the last of them, or next.
CREATE FUNCTION return_tag_v1(p_tenant text, p_type text, p_priority integer) RETURNS bigint LANGUAGE plpgsql STABLE
SET search_path = stepmill, pg_temp AS $$
DECLARE
    v_last bigint;
BEGIN
    SELECT tag INTO v_last FROM procrastinate_jobs
    WHERE status = 'todo' AND ready AND returns AND tenant = p_tenant AND queue_name = p_type AND priority = p_priority
    ORDER BY tag DESC LIMIT 1;
    RETURN greatest(v_last + 1, next_tag_v1(p_type, p_priority));
END
$$;

-- `p_returns`: whether it comes back. Unless that is given: if it has begun before, or its lock is kept for it.
DROP FUNCTION issue_ticket_v1(jobs);
CREATE FUNCTION issue_ticket_v1(j jobs, p_returns boolean DEFAULT NULL) RETURNS void LANGUAGE plpgsql
SET search_path = stepmill, pg_temp AS $$
DECLARE
    v_ready boolean := j.run_at <= clock_timestamp();
    v_returns boolean := coalesce(p_returns, j.attempt > 0
        OR (j.lock_key IS NOT NULL AND EXISTS (SELECT FROM job_locks WHERE job_id = j.job_id)));
BEGIN
    INSERT INTO procrastinate_jobs (queue_name, task_name, priority, args, scheduled_at, tenant, ready, returns, tag)
    VALUES (j.type, 'stepmill.run', j.priority, jsonb_build_object('jobId', j.job_id),
        CASE WHEN NOT v_ready THEN j.run_at END, j.tenant_id, v_ready, v_returns, CASE
            WHEN NOT v_ready THEN 0
            WHEN v_returns THEN return_tag_v1(j.tenant_id, j.type, j.priority)
            ELSE fair_tag_v1(j.tenant_id, j.type, j.priority) END);
END
$$;

-- Tickets whose time has come take their place in the order.
CREATE OR REPLACE FUNCTION ready_tickets_v1() RETURNS void LANGUAGE plpgsql SET search_path = stepmill, pg_temp AS $$
DECLARE
    t procrastinate_jobs;
BEGIN
    FOR t IN
        SELECT * FROM procrastinate_jobs WHERE status = 'todo' AND NOT ready AND scheduled_at <= clock_timestamp()
        ORDER BY scheduled_at, id LIMIT 100 FOR UPDATE SKIP LOCKED
    LOOP
        UPDATE procrastinate_jobs SET ready = true, tag = CASE WHEN t.returns
            THEN return_tag_v1(t.tenant, t.queue_name, t.priority) ELSE fair_tag_v1(t.tenant, t.queue_name, t.priority) END
        WHERE id = t.id;
    END LOOP;
END
$$;

-- Let the next job of a tenant that stands aside go on, and say so. It keeps its place, should it have to stand aside again.
CREATE OR REPLACE FUNCTION wake_limited_v1(p_tenant text) RETURNS boolean LANGUAGE plpgsql SET search_path = stepmill, pg_temp AS $$
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
    PERFORM emit_v1(j.job_id, j.tenant_id, j.env_id, jsonb_build_array(status_event_v1(j, 'limit_released')));
    PERFORM issue_ticket_v1(j, true);
    RETURN true;
END
$$;

-- For the sweeper: tenants that have jobs aside though they are below their limit. New here: the index of open attempts.
CREATE OR REPLACE FUNCTION wake_below_limit_v1(p_limits jsonb) RETURNS void LANGUAGE plpgsql
SET search_path = stepmill, pg_temp AS $$
DECLARE
    v_tenant text;
    v_places bigint;
BEGIN
    FOR v_tenant IN SELECT DISTINCT tenant_id FROM jobs WHERE waiting ->> 'code' = 'limit' LOOP
        SELECT coalesce(p_limits ->> v_tenant, p_limits ->> '*')::bigint - count(*) INTO v_places
        FROM job_attempts WHERE tenant_id = v_tenant AND outcome IS NULL;
        FOR i IN 1 .. least(coalesce(v_places, 100), 100) LOOP
            EXIT WHEN NOT wake_limited_v1(v_tenant);
        END LOOP;
    END LOOP;
END
$$;

-- For the sweeper: a lock that nobody holds though jobs wait for it, or that was kept for a while for the next in line. That
-- one keeps it, and has a ticket, unless no worker that is alive runs its type, and one runs another's in line.
CREATE OR REPLACE FUNCTION wake_waiting_v1(p_key text, p_reserved_seconds double precision) RETURNS void LANGUAGE plpgsql
SET search_path = stepmill, pg_temp AS $$
DECLARE
    w jobs;
    l job_locks;
    v_alive timestamptz := clock_timestamp() - make_interval(secs => p_reserved_seconds);
BEGIN
    PERFORM guard_lock_key_v1(p_key);
    SELECT * INTO l FROM job_locks WHERE key = p_key;
    IF FOUND AND (l.attempt IS NOT NULL OR l.since > v_alive) THEN
        RETURN;
    END IF;
    IF NOT FOUND THEN
        UPDATE jobs SET waiting = NULL, waiting_lock = NULL
        WHERE job_id = (SELECT job_id FROM jobs WHERE waiting_lock = p_key ORDER BY priority DESC, waiting ->> 'since', job_id LIMIT 1)
        RETURNING * INTO w;
        IF w.job_id IS NOT NULL THEN
            INSERT INTO job_locks (key, job_id, attempt, tenant_id) VALUES (p_key, w.job_id, NULL, w.tenant_id);
            PERFORM emit_v1(w.job_id, w.tenant_id, w.env_id, jsonb_build_array(status_event_v1(w, 'lock_released')));
            PERFORM issue_ticket_v1(w);
        END IF;
        RETURN;
    END IF;
    SELECT * INTO w FROM jobs WHERE job_id = l.job_id FOR NO KEY UPDATE;
    IF w.status <> 'PENDING' AND NOT w.parked THEN
        PERFORM release_lock_v1(w.job_id, p_key);
    ELSIF EXISTS (SELECT FROM workers WHERE last_seen_at > v_alive AND w.type = ANY (types))
        OR NOT EXISTS (SELECT FROM jobs o JOIN workers ON last_seen_at > v_alive AND o.type = ANY (types)
            WHERE o.waiting_lock = p_key AND o.job_id <> w.job_id AND o.run_at <= clock_timestamp())
    THEN
        IF w.waiting ->> 'code' IS DISTINCT FROM 'limit' AND NOT EXISTS (
            SELECT FROM procrastinate_jobs t WHERE t.args ->> 'jobId' = w.job_id AND t.status IN ('todo', 'doing'))
        THEN
            PERFORM issue_ticket_v1(w);
        END IF;
    ELSE
        UPDATE jobs SET waiting_lock = p_key, waiting = jsonb_build_object('code', 'lock', 'since', rfc3339(clock_timestamp()))
        WHERE job_id = w.job_id RETURNING * INTO w;
        PERFORM emit_v1(w.job_id, w.tenant_id, w.env_id, jsonb_build_array(status_event_v1(w, 'waiting_for_lock')));
        PERFORM release_lock_v1(w.job_id, p_key);
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION requeue_v1(j jobs, p_attempt integer, p_idx smallint, p_reason text, p_error jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = stepmill, pg_temp AS $$
DECLARE
    s job_steps;
BEGIN
    UPDATE job_steps SET status = 'PENDING', error = p_error WHERE job_id = j.job_id AND idx = p_idx RETURNING * INTO s;
    PERFORM end_attempt_v1(j.job_id, p_attempt, p_reason);
    UPDATE jobs SET status = 'PENDING', failures = j.failures, crashes = j.crashes, losses = j.losses, crashed_at_step = j.crashed_at_step,
        crashed_at_progress = j.crashed_at_progress, run_at = j.run_at, waiting = j.waiting, ending = j.ending
    WHERE job_id = j.job_id RETURNING * INTO j;
    PERFORM release_lock_v1(j.job_id, j.lock_key);
    PERFORM emit_v1(j.job_id, j.tenant_id, j.env_id,
        jsonb_build_array(step_event_v1(s, p_reason), status_event_v1(j, p_reason)));
    PERFORM issue_ticket_v1(j);
END
$$;

-- Take an attempt away from its worker: it died, was told to stop, lost the database, or did not heed a cancel. The job goes
-- back to PENDING. New here: one whose step loses the database again and again, without progress, waits ever longer, and
-- ends after four times as many losses as crashes are let pass: it may be its own statement that brings the database down.
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
    IF p_reason IN ('crashed', 'cancel_requested') THEN
        -- Its worker does not remove its ticket any more, which would take a place of its type for as long as the next runs.
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

-- Ask for a cancel. Null: no such job; otherwise the job's status after it, with the attempt to stop if one must be.
-- New here: a job that has its lock already, but has not begun to use it, gives it up.
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
    PERFORM release_lock_v1(p_job, j.lock_key);
    PERFORM emit_v1(j.job_id, j.tenant_id, j.env_id, jsonb_build_array(status_event_v1(j, 'cancel_requested')));
    PERFORM issue_ticket_v1(j);
    RETURN jsonb_build_object('outcome', 'accepted', 'status', j.status);
END
$$;

-- A user's retry: back to PENDING at the first step that is not DONE, or at p_from. New here: it stands at the end of its
-- tenant's line, as a new job does; otherwise a thousand of them at once would pass everybody else.
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
    PERFORM set_config('stepmill.retried_job', p_job, true);
    UPDATE job_steps SET status = 'PENDING', started_at = NULL, finished_at = NULL, progress = NULL, output = NULL, error = NULL
    WHERE job_id = p_job AND (always OR status = 'ERROR' OR error IS NOT NULL OR idx >= p_from);
    PERFORM set_config('stepmill.retried_job', '', true);
    UPDATE jobs SET status = 'PENDING', failures = 0, crashes = 0, losses = 0, crashed_at_step = NULL, crashed_at_progress = NULL, ending = NULL,
        error = NULL, result = NULL, waiting = NULL, cancel_requested_at = NULL, finished_at = NULL, run_at = clock_timestamp()
    WHERE job_id = p_job RETURNING * INTO j;
    SELECT coalesce(jsonb_agg(step_event_v1(s, 'retry') ORDER BY s.idx), '[]') INTO v_events
    FROM job_steps s WHERE s.job_id = p_job AND s.idx = ANY (v_back);
    PERFORM emit_v1(j.job_id, j.tenant_id, j.env_id, v_events || jsonb_build_array(status_event_v1(j, 'retry')));
    PERFORM issue_ticket_v1(j, false);
    RETURN jsonb_build_object('outcome', 'accepted', 'status', j.status);
END
$$;

-- The queue's claim. New here: it notes when a ticket was taken, and the tag that was served.
CREATE OR REPLACE FUNCTION procrastinate_fetch_job_v2(target_queue_names character varying[], p_worker_id bigint)
RETURNS procrastinate_jobs LANGUAGE plpgsql SET search_path = stepmill, pg_temp SET enable_sort = off
SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    v_limits jsonb := nullif(current_setting('stepmill.type_limits', true), '')::jsonb;
    v_types text[] := target_queue_names;
    v_type text;
    found_jobs procrastinate_jobs;
BEGIN
    IF EXISTS (SELECT FROM procrastinate_jobs WHERE status = 'todo' AND NOT ready AND scheduled_at <= clock_timestamp()) THEN
        PERFORM ready_tickets_v1();
    END IF;
    IF v_types IS NULL THEN
        SELECT array_agg(DISTINCT queue_name) INTO v_types FROM procrastinate_jobs WHERE status = 'todo' AND ready;
    END IF;
    LOOP
        IF cardinality(v_types) = 1 THEN
            v_type := v_types[1];
        ELSE
            SELECT wanted INTO v_type FROM unnest(v_types) AS wanted CROSS JOIN LATERAL (
                SELECT priority, tag, id FROM procrastinate_jobs
                WHERE status = 'todo' AND ready AND queue_name = wanted ORDER BY priority DESC, tag, id LIMIT 1) AS first
            ORDER BY first.priority DESC, first.tag, first.id LIMIT 1;
            IF NOT FOUND THEN
                RETURN NULL;
            END IF;
        END IF;
        IF v_limits ? v_type THEN
            -- One claim at a time, so that no two take the last place. A ticket is 'doing' until its job leaves the worker.
            -- One lock for all types that have a limit: two claims that look at two of them can't wait for one another.
            PERFORM pg_advisory_xact_lock(hashtextextended('types', 5042));
            IF (v_limits ->> v_type)::integer
                <= (SELECT count(*) FROM procrastinate_jobs WHERE status = 'doing' AND queue_name = v_type)
            THEN
                v_types := array_remove(v_types, v_type);
                CONTINUE;
            END IF;
        END IF;
        UPDATE procrastinate_jobs SET status = 'doing', worker_id = p_worker_id, taken_at = clock_timestamp()
        WHERE id = (
            SELECT id FROM procrastinate_jobs WHERE status = 'todo' AND ready AND queue_name = v_type
            ORDER BY priority DESC, tag, id LIMIT 1 FOR UPDATE SKIP LOCKED)
        RETURNING * INTO found_jobs;
        IF FOUND THEN
            -- Every few claims will do, and nobody waits for another one to note it.
            IF EXISTS (SELECT FROM queue_served WHERE type = v_type AND priority = found_jobs.priority
                AND abs(tag - found_jobs.tag) < 4 AND at > found_jobs.taken_at - interval '1 second')
            THEN
                RETURN found_jobs;
            END IF;
            UPDATE queue_served SET tag = found_jobs.tag, at = found_jobs.taken_at WHERE ctid = ANY (ARRAY(
                SELECT ctid FROM queue_served WHERE type = v_type AND priority = found_jobs.priority FOR UPDATE SKIP LOCKED));
            IF NOT FOUND AND NOT EXISTS (SELECT FROM queue_served WHERE type = v_type AND priority = found_jobs.priority)
                AND pg_try_advisory_xact_lock(hashtextextended(format('served/%s/%s', v_type, found_jobs.priority), 5042))
            THEN
                INSERT INTO queue_served (type, priority, tag, at)
                VALUES (v_type, found_jobs.priority, found_jobs.tag, found_jobs.taken_at) ON CONFLICT DO NOTHING;
            END IF;
            RETURN found_jobs;
        END IF;
        v_types := array_remove(v_types, v_type);
    END LOOP;
END
$$;

-- Append events, [{kind, data}], with the job's next numbers, as before. New here: where the events are not looked at one by
-- one, the first of them follows the last that there is.
CREATE OR REPLACE FUNCTION emit_v1(p_job text, p_tenant text, p_env text, p_events jsonb) RETURNS void LANGUAGE plpgsql
SET search_path = stepmill, pg_temp AS $$
DECLARE
    n integer := jsonb_array_length(p_events);
    v_now timestamptz := clock_timestamp();
    v_at jsonb := jsonb_build_object('at', rfc3339(v_now));
    v_before bigint;
    v_pruned_to bigint;
BEGIN
    IF n = 0 THEN
        RETURN;
    END IF;
    UPDATE job_event_counters SET last_seq = last_seq + n WHERE job_id = p_job
    RETURNING last_seq - n, pruned_to INTO v_before, v_pruned_to;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'Job % has no event counter.', p_job USING ERRCODE = 'no_data_found';
    END IF;
    IF current_setting('stepmill.whole_move', true) = 'on' AND v_before <> v_pruned_to
        AND NOT EXISTS (SELECT FROM job_events WHERE job_id = p_job AND seq = v_before)
    THEN
        RAISE EXCEPTION 'Event % of job % is out of its order.', v_before + 1, p_job USING ERRCODE = 'check_violation';
    END IF;
    INSERT INTO job_events (job_id, seq, kind, data, at, tenant_id, env_id)
    SELECT p_job, v_before + e.ordinality, e.value ->> 'kind', (e.value -> 'data') || v_at, v_now, p_tenant, p_env
    FROM jsonb_array_elements(p_events) WITH ORDINALITY AS e;
END
$$;

-- A step's end and a job's beginning, as before. New here: they say that they move the job together with its attempt and number
-- its events by the counter, so that each of these is not looked up again.
CREATE OR REPLACE FUNCTION begin_attempt_v1(p_job text, p_worker text, p_limits jsonb DEFAULT NULL) RETURNS jsonb LANGUAGE plpgsql
SET search_path = stepmill, pg_temp SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
    j jobs;
    v_idx smallint;
    v_busy boolean := false;
    v_tenant text;
    v_key text;
    v_limit integer;
    v_mark text;
BEGIN
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
    IF v_limit IS NOT NULL AND v_limit <= (SELECT count(*) FROM job_attempts WHERE tenant_id = j.tenant_id AND outcome IS NULL) THEN
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
    v_mark := set_config('stepmill.whole_move', 'on', true);
    UPDATE jobs SET status = 'RUNNING', parked = false, waiting = NULL, waiting_lock = NULL, attempt = attempt + 1,
        started_at = coalesce(started_at, clock_timestamp())
    WHERE job_id = p_job RETURNING * INTO j;
    INSERT INTO job_attempts (job_id, attempt, worker_id, tenant_id) VALUES (p_job, j.attempt, p_worker, j.tenant_id);
    PERFORM emit_v1(j.job_id, j.tenant_id, j.env_id,
        jsonb_build_array(status_event_v1(j), start_step_v1(p_job, v_idx, j.attempt)));
    v_mark := set_config('stepmill.whole_move', 'off', true);
    RETURN (
        SELECT jsonb_build_object('outcome', CASE WHEN v_busy THEN 'busy' ELSE 'run' END, 'idx', v_idx, 'job', to_jsonb(j),
            'steps', jsonb_agg(s.name ORDER BY s.idx), 'outputs', jsonb_object_agg(s.name, s.output) FILTER (WHERE s.status = 'DONE'))
        FROM job_steps s WHERE s.job_id = p_job);
END
$$;
CREATE OR REPLACE FUNCTION finish_step_v1(p_job text, p_attempt integer, p_idx smallint, p_output jsonb, p_progress jsonb) RETURNS jsonb
LANGUAGE plpgsql SET search_path = stepmill, pg_temp SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
    j jobs;
    s job_steps;
    v_next jsonb;
    v_mark text;
BEGIN
    PERFORM fence_v1(p_job, p_attempt);
    -- After the fence: a cancel that it waited for leaves an always-step's attempt current, and must be seen here.
    SELECT * INTO j FROM jobs WHERE job_id = p_job;
    IF j.lock_key IS NOT NULL THEN
        PERFORM guard_lock_key_v1(j.lock_key);
    END IF;
    UPDATE job_steps SET status = 'DONE', finished_at = clock_timestamp(), output = p_output,
        progress = coalesce(p_progress, progress)
    WHERE job_id = p_job AND idx = p_idx RETURNING * INTO s;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'Job % has no step %.', p_job, p_idx USING ERRCODE = 'no_data_found';
    END IF;
    v_mark := set_config('stepmill.whole_move', 'on', true);
    v_next := advance_v1(j, p_attempt, p_idx, jsonb_build_array(step_event_v1(s)));
    v_mark := set_config('stepmill.whole_move', 'off', true);
    RETURN v_next;
END
$$;

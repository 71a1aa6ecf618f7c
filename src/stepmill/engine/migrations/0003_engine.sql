-- Jobs, their steps, attempts, locks and events: the truth about work. A ticket in the queue only says "may run now".
--
-- Lock order, kept by every function here so that none can deadlock with another:
-- the attempt's row, then the advisory lock of the job's lock key, then job rows, then steps and the event counter.
-- Job rows are locked FOR NO KEY UPDATE: a report holds the counter while its events' foreign key looks at the job's row,
-- which FOR UPDATE would bar.

CREATE TABLE jobs (
    job_id text PRIMARY KEY,
    tenant_id text NOT NULL,
    env_id text NOT NULL,
    type text NOT NULL,
    params jsonb NOT NULL,
    status text NOT NULL DEFAULT 'PENDING' CHECK (status IN ('PENDING', 'RUNNING', 'DONE', 'ERROR', 'CANCELLED')),
    parked boolean NOT NULL DEFAULT false, -- RUNNING without an attempt, because it waits for a lock
    ending jsonb, -- {status, error}: how the job ends once its always-steps have run
    waiting jsonb, -- {code, since, ...} while it waits for a lock or for a back-off
    waiting_lock text,
    result jsonb,
    error jsonb,
    attempt integer NOT NULL DEFAULT 0, -- the fencing token: every start of work counts
    failures integer NOT NULL DEFAULT 0, -- attempts that ended in an error: what max_attempts limits
    crashes integer NOT NULL DEFAULT 0, -- crashes in a row, in the same step, without progress
    crashed_at_step smallint,
    crashed_at_progress jsonb,
    max_attempts integer NOT NULL CHECK (max_attempts >= 1),
    priority integer NOT NULL DEFAULT 0 CHECK (priority BETWEEN -100 AND 100),
    timeout_seconds double precision,
    lock_key text,
    lock_from smallint,
    lock_to smallint,
    result_step smallint NOT NULL,
    created_by text NOT NULL,
    cancel_requested_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    run_at timestamptz NOT NULL,
    started_at timestamptz,
    finished_at timestamptz
) WITH (fillfactor = 70);

CREATE INDEX jobs_newest_idx ON jobs (tenant_id, created_at DESC, job_id DESC);
CREATE INDEX jobs_pending_idx ON jobs (job_id) WHERE status = 'PENDING' OR parked;
CREATE INDEX jobs_waiting_lock_idx ON jobs (waiting_lock) WHERE waiting_lock IS NOT NULL;

CREATE TABLE job_steps (
    job_id text NOT NULL REFERENCES jobs ON DELETE CASCADE,
    idx smallint NOT NULL,
    name text NOT NULL,
    always boolean NOT NULL DEFAULT false,
    status text NOT NULL DEFAULT 'PENDING' CHECK (status IN ('PENDING', 'RUNNING', 'DONE', 'ERROR')),
    attempt integer,
    started_at timestamptz,
    finished_at timestamptz,
    progress jsonb,
    output jsonb,
    error jsonb,
    tenant_id text NOT NULL,
    PRIMARY KEY (job_id, idx)
) WITH (fillfactor = 70);

CREATE TABLE job_attempts (
    job_id text NOT NULL REFERENCES jobs ON DELETE CASCADE,
    attempt integer NOT NULL,
    worker_id text NOT NULL,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    revoked_at timestamptz, -- a cancel was asked for: its effects are refused from here on
    ended_at timestamptz,
    outcome text,
    tenant_id text NOT NULL,
    PRIMARY KEY (job_id, attempt)
) WITH (fillfactor = 70);

CREATE INDEX job_attempts_current_idx ON job_attempts (worker_id) WHERE ended_at IS NULL;

CREATE TABLE job_locks (
    key text PRIMARY KEY,
    job_id text NOT NULL REFERENCES jobs ON DELETE CASCADE,
    attempt integer, -- null while reserved for the next in line, which has not begun yet
    since timestamptz NOT NULL DEFAULT clock_timestamp(),
    tenant_id text NOT NULL
);

CREATE INDEX job_locks_job_idx ON job_locks (job_id);

CREATE TABLE job_event_counters (
    job_id text PRIMARY KEY REFERENCES jobs ON DELETE CASCADE,
    last_seq bigint NOT NULL,
    tenant_id text NOT NULL
) WITH (fillfactor = 50);

CREATE SEQUENCE job_feed_seq;

CREATE TABLE job_events (
    job_id text NOT NULL REFERENCES jobs ON DELETE CASCADE,
    seq bigint NOT NULL,
    kind text NOT NULL CHECK (kind IN ('status', 'step', 'progress', 'log', 'end')),
    data jsonb NOT NULL,
    at timestamptz NOT NULL,
    feed_id bigint, -- the place in the feed over all jobs, given after commit
    tenant_id text NOT NULL,
    env_id text NOT NULL,
    PRIMARY KEY (job_id, seq)
) WITH (fillfactor = 80);

CREATE INDEX job_events_unstamped_idx ON job_events (at) WHERE feed_id IS NULL AND kind = 'status';
CREATE UNIQUE INDEX job_events_feed_idx ON job_events (feed_id) WHERE feed_id IS NOT NULL;

CREATE TABLE workers (
    worker_id text PRIMARY KEY,
    host text NOT NULL,
    pid integer NOT NULL,
    version text NOT NULL,
    types text[] NOT NULL,
    running_jobs integer NOT NULL DEFAULT 0,
    memory_bytes bigint NOT NULL DEFAULT 0,
    concurrency integer NOT NULL DEFAULT 1,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_seen_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 50);

CREATE TABLE idempotency_keys (
    tenant_id text NOT NULL,
    route text NOT NULL,
    key text NOT NULL,
    fingerprint text NOT NULL,
    response jsonb,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, route, key)
);

CREATE INDEX idempotency_keys_age_idx ON idempotency_keys (created_at);

-- The sweeper asks whether a job still has a ticket, and cancel removes it.
CREATE INDEX stepmill_tickets_by_job_idx ON procrastinate_jobs ((args ->> 'jobId'));

-- A claim walks the index of the queue's order. Left to the statistics of a table that fills in bursts, the planner now and
-- then reads and sorts every ticket for each claim.
ALTER FUNCTION procrastinate_fetch_job_v2(character varying[], bigint) SET enable_sort = off;

-- Tenants and roles.
DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['jobs', 'job_steps', 'job_attempts', 'job_locks', 'job_event_counters', 'job_events', 'idempotency_keys']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY engine ON %I TO stepmill_engine USING (true) WITH CHECK (true)', t);
        EXECUTE format(
            'CREATE POLICY tenant ON %I TO stepmill_api USING (tenant_id = current_setting(''stepmill.tenant'', true))
             WITH CHECK (tenant_id = current_setting(''stepmill.tenant'', true))', t);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO stepmill_engine, stepmill_api', t);
    END LOOP;
END
$$;
GRANT SELECT, INSERT, UPDATE, DELETE ON workers TO stepmill_engine;
GRANT SELECT ON workers TO stepmill_api;
GRANT USAGE, SELECT ON SEQUENCE job_feed_seq TO stepmill_engine;

-- The database refuses every move that is not one of these.
CREATE FUNCTION guard_job_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (TG_OP = 'INSERT' AND NEW.status = 'PENDING')
        OR (TG_OP = 'UPDATE' AND (OLD.status, NEW.status) IN (
            ('PENDING', 'RUNNING'), ('PENDING', 'CANCELLED'), ('RUNNING', 'DONE'), ('RUNNING', 'ERROR'),
            ('RUNNING', 'CANCELLED'), ('RUNNING', 'PENDING'), ('ERROR', 'PENDING'), ('CANCELLED', 'PENDING')))
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'A job can''t go from % to %.', CASE TG_OP WHEN 'UPDATE' THEN OLD.status ELSE 'nothing' END, NEW.status
        USING ERRCODE = 'check_violation';
END
$$;
CREATE TRIGGER guard_job_insert BEFORE INSERT ON jobs
    FOR EACH ROW WHEN (NEW.status <> 'PENDING') EXECUTE FUNCTION guard_job_move();
CREATE TRIGGER guard_job_move BEFORE UPDATE OF status ON jobs
    FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION guard_job_move();

CREATE FUNCTION guard_step_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (TG_OP = 'INSERT' AND NEW.status = 'PENDING')
        OR (TG_OP = 'UPDATE' AND (OLD.status, NEW.status) IN (
            ('PENDING', 'RUNNING'), ('RUNNING', 'DONE'), ('RUNNING', 'ERROR'), ('RUNNING', 'PENDING'), ('ERROR', 'PENDING')))
    THEN
        RETURN NEW;
    END IF;
    -- A user's retry may take a finished step back, and only while the job is at rest.
    IF TG_OP = 'UPDATE' AND OLD.status = 'DONE' AND NEW.status = 'PENDING'
        AND EXISTS (SELECT FROM jobs WHERE job_id = NEW.job_id AND status IN ('ERROR', 'CANCELLED'))
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'A step can''t go from % to %.', CASE TG_OP WHEN 'UPDATE' THEN OLD.status ELSE 'nothing' END, NEW.status
        USING ERRCODE = 'check_violation';
END
$$;
CREATE TRIGGER guard_step_insert BEFORE INSERT ON job_steps
    FOR EACH ROW WHEN (NEW.status <> 'PENDING') EXECUTE FUNCTION guard_step_move();
CREATE TRIGGER guard_step_move BEFORE UPDATE OF status ON job_steps
    FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION guard_step_move();

CREATE FUNCTION rfc3339(at timestamptz) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
    RETURN to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');

-- Append events, [{kind, data}], with the job's next numbers.
CREATE FUNCTION emit_v1(p_job text, p_tenant text, p_env text, p_events jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    n integer := jsonb_array_length(p_events);
    v_now timestamptz := clock_timestamp();
    v_at jsonb := jsonb_build_object('at', rfc3339(v_now));
BEGIN
    WITH counter AS (
        UPDATE job_event_counters SET last_seq = last_seq + n WHERE job_id = p_job RETURNING last_seq - n AS before
    )
    INSERT INTO job_events (job_id, seq, kind, data, at, tenant_id, env_id)
    SELECT p_job, counter.before + e.ordinality, e.value ->> 'kind', (e.value -> 'data') || v_at, v_now, p_tenant, p_env
    FROM counter, jsonb_array_elements(p_events) WITH ORDINALITY AS e;
    IF NOT FOUND AND n > 0 THEN
        RAISE EXCEPTION 'Job % has no event counter.', p_job USING ERRCODE = 'no_data_found';
    END IF;
END
$$;

CREATE FUNCTION status_event_v1(j jobs, p_reason text DEFAULT NULL) RETURNS jsonb LANGUAGE sql STABLE
    RETURN jsonb_build_object('kind', 'status', 'data', jsonb_build_object(
        'jobId', j.job_id, 'type', j.type, 'envId', j.env_id, 'status', j.status, 'attempt', j.attempt,
        'reason', p_reason, 'waiting', j.waiting, 'error', j.error, 'cancelRequestedAt', rfc3339(j.cancel_requested_at)));

CREATE FUNCTION step_event_v1(s job_steps, p_reason text DEFAULT NULL) RETURNS jsonb LANGUAGE sql STABLE
    RETURN jsonb_build_object('kind', 'step', 'data', jsonb_build_object(
        'name', s.name, 'status', s.status, 'attempt', s.attempt, 'startedAt', rfc3339(s.started_at),
        'finishedAt', rfc3339(s.finished_at), 'output', s.output, 'error', s.error, 'reason', p_reason));

CREATE FUNCTION issue_ticket_v1(j jobs) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM procrastinate_defer_jobs_v1(ARRAY[ROW(
        j.type, 'stepmill.run', j.priority, NULL, NULL, jsonb_build_object('jobId', j.job_id),
        CASE WHEN j.run_at > clock_timestamp() THEN j.run_at END)::procrastinate_job_to_defer_v1]);
END
$$;

-- Submit one job: {jobId, tenantId, envId, type, params, steps: [{name, always}], ...}.
CREATE FUNCTION submit_v1(p jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    j jobs;
BEGIN
    INSERT INTO jobs (job_id, tenant_id, env_id, type, params, max_attempts, priority, timeout_seconds,
                      lock_key, lock_from, lock_to, result_step, created_by, run_at)
    VALUES (p ->> 'jobId', p ->> 'tenantId', p ->> 'envId', p ->> 'type', p -> 'params', (p ->> 'maxAttempts')::integer,
            (p ->> 'priority')::integer, (p ->> 'timeoutSeconds')::double precision, p ->> 'lockKey',
            (p ->> 'lockFrom')::smallint, (p ->> 'lockTo')::smallint, (p ->> 'resultStep')::smallint, p ->> 'createdBy',
            greatest((p ->> 'runAt')::timestamptz, clock_timestamp()))
    RETURNING * INTO j;
    INSERT INTO job_steps (job_id, idx, name, always, tenant_id)
    SELECT j.job_id, s.ordinality - 1, s.value ->> 'name', (s.value ->> 'always')::boolean, j.tenant_id
    FROM jsonb_array_elements(p -> 'steps') WITH ORDINALITY AS s;
    INSERT INTO job_event_counters (job_id, last_seq, tenant_id) VALUES (j.job_id, 0, j.tenant_id);
    PERFORM emit_v1(j.job_id, j.tenant_id, j.env_id, jsonb_build_array(status_event_v1(j, 'submitted')));
    PERFORM issue_ticket_v1(j);
END
$$;

CREATE FUNCTION next_step_v1(j jobs) RETURNS smallint LANGUAGE sql STABLE
    RETURN (SELECT min(idx) FROM job_steps s WHERE s.job_id = j.job_id AND CASE
        WHEN j.ending IS NULL THEN s.status <> 'DONE'
        ELSE s.always AND s.status IN ('PENDING', 'RUNNING') END);

-- Locks. All three are called with the key's advisory lock held.
CREATE FUNCTION guard_lock_key_v1(p_key text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF p_key IS NOT NULL THEN
        PERFORM pg_advisory_xact_lock(hashtextextended(p_key, 5041));
    END IF;
END
$$;

CREATE FUNCTION take_lock_v1(j jobs, p_attempt integer) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO job_locks AS l (key, job_id, attempt, tenant_id) VALUES (j.lock_key, j.job_id, p_attempt, j.tenant_id)
    ON CONFLICT (key) DO UPDATE SET attempt = excluded.attempt WHERE l.job_id = excluded.job_id;
    RETURN FOUND;
END
$$;

-- Give the job's lock up and reserve it for the next due job in line, which gets a ticket.
CREATE FUNCTION release_lock_v1(p_job text, p_key text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    w jobs;
BEGIN
    IF p_key IS NULL THEN
        RETURN;
    END IF;
    DELETE FROM job_locks WHERE key = p_key AND job_id = p_job;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    UPDATE jobs SET waiting = NULL, waiting_lock = NULL
    WHERE job_id = (
        SELECT job_id FROM jobs WHERE waiting_lock = p_key AND job_id <> p_job AND run_at <= clock_timestamp()
        ORDER BY priority DESC, waiting ->> 'since', job_id LIMIT 1)
    RETURNING * INTO w;
    IF w.job_id IS NOT NULL THEN
        INSERT INTO job_locks (key, job_id, attempt, tenant_id) VALUES (p_key, w.job_id, NULL, w.tenant_id);
        PERFORM emit_v1(w.job_id, w.tenant_id, w.env_id, jsonb_build_array(status_event_v1(w, 'lock_released')));
        PERFORM issue_ticket_v1(w);
    END IF;
END
$$;

CREATE FUNCTION fails_if_busy_v1(j jobs) RETURNS boolean LANGUAGE sql IMMUTABLE
    RETURN coalesce(j.params ->> 'onBusy', 'wait') = 'fail';

-- Leave the worker slot and stand in line for the lock.
CREATE FUNCTION wait_for_lock_v1(j jobs) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE jobs SET waiting_lock = lock_key, parked = (status = 'RUNNING'),
        waiting = jsonb_build_object('code', 'lock', 'since', coalesce(waiting ->> 'since', rfc3339(clock_timestamp())))
    WHERE job_id = j.job_id RETURNING * INTO j;
    PERFORM emit_v1(j.job_id, j.tenant_id, j.env_id, jsonb_build_array(status_event_v1(j, 'waiting_for_lock')));
END
$$;

CREATE FUNCTION start_step_v1(p_job text, p_idx smallint, p_attempt integer) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    s job_steps;
BEGIN
    UPDATE job_steps SET status = 'RUNNING', attempt = p_attempt, started_at = clock_timestamp(), finished_at = NULL,
        error = NULL, progress = NULL
    WHERE job_id = p_job AND idx = p_idx RETURNING * INTO s;
    RETURN step_event_v1(s);
END
$$;

-- Begin an attempt, if the job may run now. Null when it may not (the ticket is stale);
-- {outcome: "waiting"} when its lock is taken; else {outcome: "run" | "busy", job, idx, steps: [name], outputs}.
CREATE FUNCTION begin_attempt_v1(p_job text, p_worker text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    j jobs;
    v_idx smallint;
    v_busy boolean := false;
BEGIN
    SELECT * INTO j FROM jobs WHERE job_id = p_job;
    PERFORM guard_lock_key_v1(j.lock_key);
    SELECT * INTO j FROM jobs
    WHERE job_id = p_job AND (status = 'PENDING' OR parked) AND run_at <= clock_timestamp() FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN NULL;
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

-- The fence: hold the attempt's row, and refuse unless it is the current one.
CREATE FUNCTION fence_v1(p_job text, p_attempt integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM job_attempts
    WHERE job_id = p_job AND attempt = p_attempt AND ended_at IS NULL AND revoked_at IS NULL FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'Attempt % of job % is no longer the current one.', p_attempt, p_job USING ERRCODE = 'SM001';
    END IF;
END
$$;

CREATE FUNCTION end_attempt_v1(p_job text, p_attempt integer, p_outcome text) RETURNS void LANGUAGE sql
BEGIN ATOMIC
    UPDATE job_attempts SET ended_at = clock_timestamp(), outcome = p_outcome
    WHERE job_id = p_job AND attempt = p_attempt AND ended_at IS NULL;
END;

-- Put the job to rest in the state that `ending` names, or DONE.
CREATE FUNCTION finalize_v1(p_job text, p_events jsonb) RETURNS jobs LANGUAGE plpgsql AS $$
DECLARE
    j jobs;
BEGIN
    UPDATE jobs SET status = coalesce(ending ->> 'status', 'DONE'), error = nullif(ending -> 'error', 'null'), ending = NULL,
        waiting = NULL, waiting_lock = NULL, parked = false, finished_at = clock_timestamp(),
        result = CASE WHEN ending IS NULL THEN
            (SELECT output FROM job_steps s WHERE s.job_id = p_job AND s.idx = jobs.result_step) END
    WHERE job_id = p_job RETURNING * INTO j;
    PERFORM end_attempt_v1(p_job, j.attempt, lower(j.status));
    PERFORM release_lock_v1(p_job, j.lock_key);
    PERFORM emit_v1(j.job_id, j.tenant_id, j.env_id, p_events || jsonb_build_array(status_event_v1(j),
        jsonb_build_object('kind', 'end', 'data', jsonb_build_object('status', j.status, 'result', j.result, 'error', j.error))));
    RETURN j;
END
$$;

-- After a step ended: go on to the next step, stand in line for its lock, or put the job to rest.
CREATE FUNCTION advance_v1(j jobs, p_attempt integer, p_idx smallint, p_events jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    v_next smallint := next_step_v1(j);
BEGIN
    IF v_next IS NULL THEN
        j := finalize_v1(j.job_id, p_events);
        RETURN jsonb_build_object('idx', NULL, 'status', j.status);
    END IF;
    IF j.lock_key IS NOT NULL AND p_idx <= j.lock_to AND (v_next > j.lock_to OR j.ending IS NOT NULL) THEN
        PERFORM release_lock_v1(j.job_id, j.lock_key);
    END IF;
    IF j.lock_key IS NOT NULL AND j.ending IS NULL AND v_next BETWEEN j.lock_from AND j.lock_to
        AND p_idx < j.lock_from AND NOT take_lock_v1(j, p_attempt)
    THEN
        PERFORM emit_v1(j.job_id, j.tenant_id, j.env_id, p_events);
        IF fails_if_busy_v1(j) THEN
            UPDATE jobs SET ending = jsonb_build_object('status', 'ERROR', 'error', jsonb_build_object(
                'code', 'lock_busy', 'retryable', false, 'message', 'Another job holds the lock, and onBusy is fail.'))
            WHERE job_id = j.job_id RETURNING * INTO j;
            RETURN advance_v1(j, p_attempt, p_idx, '[]');
        END IF;
        PERFORM end_attempt_v1(j.job_id, p_attempt, 'waiting');
        PERFORM wait_for_lock_v1(j);
        RETURN jsonb_build_object('idx', NULL, 'status', 'RUNNING');
    END IF;
    PERFORM emit_v1(j.job_id, j.tenant_id, j.env_id, p_events || start_step_v1(j.job_id, v_next, p_attempt));
    RETURN jsonb_build_object('idx', v_next, 'status', 'RUNNING');
END
$$;

-- Fence, mark the step DONE with its output, and advance: one commit with the step's effect.
CREATE FUNCTION finish_step_v1(p_job text, p_attempt integer, p_idx smallint, p_output jsonb, p_progress jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
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
    RETURN advance_v1(j, p_attempt, p_idx, jsonb_build_array(step_event_v1(s)));
END
$$;

-- Send the job back to PENDING, with the reason in its events, and give its lock and its slot up.
CREATE FUNCTION requeue_v1(j jobs, p_attempt integer, p_idx smallint, p_reason text, p_error jsonb) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    s job_steps;
BEGIN
    UPDATE job_steps SET status = 'PENDING', error = p_error WHERE job_id = j.job_id AND idx = p_idx RETURNING * INTO s;
    UPDATE jobs SET status = 'PENDING', failures = j.failures, crashes = j.crashes, crashed_at_step = j.crashed_at_step,
        crashed_at_progress = j.crashed_at_progress, run_at = j.run_at, waiting = j.waiting, ending = j.ending
    WHERE job_id = j.job_id RETURNING * INTO j;
    PERFORM end_attempt_v1(j.job_id, p_attempt, p_reason);
    PERFORM release_lock_v1(j.job_id, j.lock_key);
    PERFORM emit_v1(j.job_id, j.tenant_id, j.env_id,
        jsonb_build_array(step_event_v1(s, p_reason), status_event_v1(j, p_reason)));
    PERFORM issue_ticket_v1(j);
END
$$;

-- A lock document is held by another: leave the worker slot and look again after a while. No failure is counted.
CREATE FUNCTION wait_for_document_v1(p_job text, p_attempt integer, p_idx smallint, p_waiting jsonb, p_seconds double precision)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    j jobs;
    v_now timestamptz := clock_timestamp();
BEGIN
    PERFORM fence_v1(p_job, p_attempt);
    SELECT * INTO j FROM jobs WHERE job_id = p_job;
    PERFORM guard_lock_key_v1(j.lock_key);
    SELECT * INTO j FROM jobs WHERE job_id = p_job FOR NO KEY UPDATE;
    j.run_at := v_now + make_interval(secs => p_seconds);
    j.waiting := p_waiting || jsonb_build_object('since', rfc3339(v_now), 'until', rfc3339(j.run_at));
    PERFORM requeue_v1(j, p_attempt, p_idx, 'waiting_for_lock', NULL);
END
$$;

-- A step failed. A retryable error with attempts left backs off with full jitter; any other ends the job after its always-steps.
CREATE FUNCTION fail_step_v1(p_job text, p_attempt integer, p_idx smallint, p_error jsonb, p_base double precision, p_max double precision)
RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    j jobs;
    s job_steps;
    v_now timestamptz := clock_timestamp();
BEGIN
    PERFORM fence_v1(p_job, p_attempt);
    SELECT * INTO j FROM jobs WHERE job_id = p_job;
    PERFORM guard_lock_key_v1(j.lock_key);
    SELECT * INTO j FROM jobs WHERE job_id = p_job FOR NO KEY UPDATE;
    j.failures := j.failures + 1;
    IF (p_error ->> 'retryable')::boolean AND j.failures < j.max_attempts THEN
        j.crashes := 0;
        j.run_at := v_now + make_interval(secs => random() * least(p_max, p_base * 2.0 ^ (j.failures - 1)));
        j.waiting := jsonb_build_object('code', 'backoff', 'since', rfc3339(v_now), 'until', rfc3339(j.run_at), 'error', p_error);
        PERFORM requeue_v1(j, p_attempt, p_idx, 'backoff', p_error);
        RETURN jsonb_build_object('idx', NULL, 'status', 'PENDING');
    END IF;
    UPDATE job_steps SET status = 'ERROR', finished_at = v_now, error = p_error
    WHERE job_id = p_job AND idx = p_idx RETURNING * INTO s;
    UPDATE jobs SET failures = j.failures, ending = coalesce(ending, jsonb_build_object('status', 'ERROR', 'error', p_error))
    WHERE job_id = p_job RETURNING * INTO j;
    IF s.always AND j.ending ->> 'status' = 'CANCELLED' THEN
        UPDATE jobs SET ending = jsonb_build_object('status', 'ERROR', 'error', p_error) WHERE job_id = p_job RETURNING * INTO j;
    END IF;
    RETURN advance_v1(j, p_attempt, p_idx, jsonb_build_array(step_event_v1(s)));
END
$$;

-- The work of a cancelled attempt is proven stopped: its step ends, a new attempt of the same worker runs the always-steps.
CREATE FUNCTION settle_cancel_v1(p_job text, p_attempt integer, p_stopped_ms integer) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    j jobs;
    s job_steps;
    v_worker text;
    v_error jsonb := jsonb_build_object('code', 'cancelled', 'message', 'The job was cancelled.', 'retryable', false,
                                        'details', jsonb_build_object('stoppedAfterMs', p_stopped_ms));
    v_events jsonb;
BEGIN
    SELECT worker_id INTO v_worker FROM job_attempts WHERE job_id = p_job AND attempt = p_attempt AND ended_at IS NULL FOR UPDATE;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    SELECT * INTO j FROM jobs WHERE job_id = p_job;
    PERFORM guard_lock_key_v1(j.lock_key);
    UPDATE job_steps SET status = 'ERROR', finished_at = clock_timestamp(), error = v_error
    WHERE job_id = p_job AND status = 'RUNNING' RETURNING * INTO s;
    v_events := CASE WHEN s.job_id IS NULL THEN '[]'::jsonb ELSE jsonb_build_array(step_event_v1(s)) END;
    PERFORM end_attempt_v1(p_job, p_attempt, 'cancelled');
    UPDATE jobs SET ending = jsonb_build_object('status', 'CANCELLED', 'error', v_error), attempt = attempt + 1
    WHERE job_id = p_job RETURNING * INTO j;
    INSERT INTO job_attempts (job_id, attempt, worker_id, tenant_id) VALUES (p_job, j.attempt, v_worker, j.tenant_id);
    RETURN advance_v1(j, j.attempt, coalesce(s.idx, 0::smallint), v_events) || jsonb_build_object('attempt', j.attempt);
END
$$;

-- Take an attempt away from its worker: it died, was told to stop, or lost the database. The job goes back to PENDING.
CREATE FUNCTION rescue_v1(p_job text, p_attempt integer, p_reason text, p_max_crashes integer) RETURNS text LANGUAGE plpgsql AS $$
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
        v_error := jsonb_build_object('code', 'cancelled', 'message', 'The job was cancelled.', 'retryable', false);
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

-- Ask for a cancel. Null: no such job; otherwise the job's status after it, with the attempt to stop if one runs.
CREATE FUNCTION cancel_v1(p_job text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    j jobs;
    v_attempt integer;
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
        UPDATE job_attempts SET revoked_at = clock_timestamp() WHERE job_id = p_job AND attempt = v_attempt;
        PERFORM emit_v1(j.job_id, j.tenant_id, j.env_id, jsonb_build_array(status_event_v1(j, 'cancel_requested')));
        RETURN jsonb_build_object('outcome', 'accepted', 'status', j.status, 'attempt', v_attempt);
    END IF;
    UPDATE jobs SET ending = jsonb_build_object('status', 'CANCELLED', 'error', jsonb_build_object(
            'code', 'cancelled', 'message', 'The job was cancelled.', 'retryable', false))
    WHERE job_id = p_job RETURNING * INTO j;
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

-- A user's retry: back to PENDING at the first step that is not DONE, or at p_from.
CREATE FUNCTION retry_v1(p_job text, p_from smallint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    j jobs;
    v_first smallint;
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
    UPDATE job_steps SET status = 'PENDING', started_at = NULL, finished_at = NULL, progress = NULL, output = NULL, error = NULL
    WHERE job_id = p_job AND (always OR status = 'ERROR' OR idx >= p_from);
    UPDATE jobs SET status = 'PENDING', failures = 0, crashes = 0, crashed_at_step = NULL, crashed_at_progress = NULL, ending = NULL,
        error = NULL, result = NULL, waiting = NULL, cancel_requested_at = NULL, finished_at = NULL, run_at = clock_timestamp()
    WHERE job_id = p_job RETURNING * INTO j;
    PERFORM emit_v1(j.job_id, j.tenant_id, j.env_id, jsonb_build_array(status_event_v1(j, 'retry')));
    PERFORM issue_ticket_v1(j);
    RETURN jsonb_build_object('outcome', 'accepted', 'status', j.status);
END
$$;

-- Progress and log lines of a running attempt; an old attempt's are dropped. False: the attempt is no longer current.
CREATE FUNCTION report_v1(p_job text, p_attempt integer, p_idx smallint, p_events jsonb, p_progress jsonb) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    v_tenant text;
    v_env text;
BEGIN
    SELECT a.tenant_id, j.env_id INTO v_tenant, v_env FROM job_attempts a JOIN jobs j USING (job_id)
    WHERE a.job_id = p_job AND a.attempt = p_attempt AND a.ended_at IS NULL;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    IF p_progress IS NOT NULL THEN
        UPDATE job_steps SET progress = p_progress WHERE job_id = p_job AND idx = p_idx AND attempt = p_attempt AND status = 'RUNNING';
    END IF;
    PERFORM emit_v1(p_job, v_tenant, v_env, p_events);
    RETURN true;
END
$$;

-- For the sweeper: hand on a lock that nobody holds though jobs wait for it, or that its next in line never began to use.
CREATE FUNCTION wake_waiting_v1(p_key text, p_reserved_seconds double precision) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    w jobs;
    v_job text;
    v_attempt integer;
BEGIN
    PERFORM guard_lock_key_v1(p_key);
    SELECT job_id, attempt INTO v_job, v_attempt FROM job_locks WHERE key = p_key;
    IF FOUND AND v_attempt IS NULL THEN
        UPDATE jobs SET waiting_lock = p_key,
            waiting = jsonb_build_object('code', 'lock', 'since', rfc3339(clock_timestamp()))
        WHERE job_id = v_job AND (status = 'PENDING' OR parked)
            AND EXISTS (SELECT FROM job_locks WHERE key = p_key AND since < clock_timestamp() - make_interval(secs => p_reserved_seconds));
        IF FOUND THEN
            PERFORM release_lock_v1(v_job, p_key);
        END IF;
    ELSIF v_job IS NULL THEN
        UPDATE jobs SET waiting = NULL, waiting_lock = NULL
        WHERE job_id = (SELECT job_id FROM jobs WHERE waiting_lock = p_key ORDER BY priority DESC, waiting ->> 'since', job_id LIMIT 1)
        RETURNING * INTO w;
        IF w.job_id IS NOT NULL THEN
            INSERT INTO job_locks (key, job_id, attempt, tenant_id) VALUES (p_key, w.job_id, NULL, w.tenant_id);
            PERFORM issue_ticket_v1(w);
        END IF;
    END IF;
END
$$;

-- For the sweeper: tickets for due jobs that have none. Looks at p_limit jobs after p_after and answers where it stopped.
CREATE FUNCTION issue_missing_tickets_v1(p_after text, p_limit integer) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    j jobs;
    v_last text;
    v_seen integer := 0;
BEGIN
    FOR j IN
        SELECT * FROM jobs WHERE (status = 'PENDING' OR parked) AND waiting_lock IS NULL AND job_id > p_after
            AND run_at < clock_timestamp() - interval '1 second'
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

-- Fewer statements for each move of a job: what a step's end and a job's beginning looked up twice, once in the function and
-- once in the guard of each row, the function alone looks up. Where a move is not one of these, all is looked at as before.

-- What an event of a step, or of a job's status, tells.
CREATE FUNCTION step_data_v1(s job_steps, p_reason text DEFAULT NULL) RETURNS jsonb LANGUAGE sql STABLE
    RETURN jsonb_build_object('name', s.name, 'status', s.status, 'attempt', s.attempt, 'startedAt', rfc3339(s.started_at),
        'finishedAt', rfc3339(s.finished_at), 'output', s.output, 'error', s.error, 'reason', p_reason);
CREATE OR REPLACE FUNCTION step_event_v1(s job_steps, p_reason text DEFAULT NULL) RETURNS jsonb LANGUAGE sql STABLE
    RETURN jsonb_build_object('kind', 'step', 'data', step_data_v1(s, p_reason));
CREATE FUNCTION status_data_v1(j jobs, p_reason text DEFAULT NULL) RETURNS jsonb LANGUAGE sql STABLE
    RETURN jsonb_build_object('jobId', j.job_id, 'type', j.type, 'envId', j.env_id, 'status', j.status, 'attempt', j.attempt,
        'reason', p_reason, 'waiting', j.waiting, 'error', j.error, 'cancelRequestedAt', rfc3339(j.cancel_requested_at));
CREATE OR REPLACE FUNCTION status_event_v1(j jobs, p_reason text DEFAULT NULL) RETURNS jsonb LANGUAGE sql STABLE
    RETURN jsonb_build_object('kind', 'status', 'data', status_data_v1(j, p_reason));

-- The guards of steps, jobs, attempts and events, as before. New here: they leave what is looked up to those functions, which
-- say that they have done so; and their names are whole, which costs less than a search path for each row.
CREATE OR REPLACE FUNCTION guard_step_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF OLD.status = NEW.status THEN
            IF NEW.status IN ('DONE', 'ERROR') AND NEW IS DISTINCT FROM OLD THEN
                RAISE EXCEPTION 'A step that is % does not change.', NEW.status USING ERRCODE = 'check_violation';
            END IF;
            RETURN NEW;
        ELSIF OLD.status = 'RUNNING' AND NEW.status IN ('ERROR', 'PENDING') THEN
            RETURN NEW;
        ELSIF OLD.status = 'RUNNING' AND NEW.status = 'DONE' OR OLD.status = 'PENDING' AND NEW.status = 'RUNNING' THEN
            IF current_setting('stepmill.whole_move', true) = 'on' AND (NEW.status = 'RUNNING' OR NEW.attempt = OLD.attempt) THEN
                RETURN NEW;
            END IF;
            -- One look for what nearly always is so. The attempt stays the current one until the transaction's end.
            PERFORM 1 FROM stepmill.job_attempts
            WHERE job_id = NEW.job_id AND attempt = NEW.attempt AND ended_at IS NULL AND revoked_at IS NULL
                AND CASE NEW.status WHEN 'DONE' THEN NEW.attempt = OLD.attempt ELSE NOT EXISTS (SELECT FROM stepmill.job_steps
                    WHERE job_id = NEW.job_id AND (status = 'RUNNING' OR (idx < NEW.idx AND status <> 'DONE'))) END
            FOR SHARE;
            IF FOUND THEN
                RETURN NEW;
            END IF;
            PERFORM 1 FROM stepmill.job_attempts
            WHERE job_id = NEW.job_id AND attempt = NEW.attempt AND ended_at IS NULL AND revoked_at IS NULL FOR SHARE;
            IF NOT FOUND OR NEW.status = 'DONE' THEN
                PERFORM stepmill.refuse_attempt_v1(NEW.job_id, NEW.attempt);
            END IF;
            -- An always-step runs whatever came before, once the job is to end: after the always-steps before it.
            IF NEW.always AND EXISTS (SELECT FROM stepmill.jobs WHERE job_id = NEW.job_id AND ending IS NOT NULL)
                AND NOT EXISTS (SELECT FROM stepmill.job_steps WHERE job_id = NEW.job_id
                    AND (status = 'RUNNING' OR (idx < NEW.idx AND always AND status = 'PENDING')))
            THEN
                RETURN NEW;
            END IF;
            RAISE EXCEPTION 'Step % of job % can''t run before the steps before it are DONE.', NEW.idx, NEW.job_id
                USING ERRCODE = 'check_violation';
        -- A user's retry takes steps back, and with them the job, which is at rest until then.
        ELSIF OLD.status IN ('DONE', 'ERROR') AND NEW.status = 'PENDING'
            AND current_setting('stepmill.retried_job', true) = NEW.job_id
            AND EXISTS (SELECT FROM stepmill.jobs WHERE job_id = NEW.job_id AND status IN ('ERROR', 'CANCELLED'))
        THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'A step can''t go from % to %.', CASE TG_OP WHEN 'UPDATE' THEN OLD.status ELSE 'nothing' END, NEW.status
        USING ERRCODE = 'check_violation';
END
$$;

CREATE OR REPLACE FUNCTION guard_job_move() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    v_is_whole boolean := coalesce(current_setting('stepmill.whole_move', true) = 'on', false);
BEGIN
    IF TG_OP = 'INSERT' THEN
        RAISE EXCEPTION 'A job begins PENDING, with a priority from -100 to 100, at least one attempt to go and none made.'
            USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.attempt <> OLD.attempt AND (NEW.attempt <> OLD.attempt + 1 OR NEW.status <> 'RUNNING' OR NOT v_is_whole
        AND EXISTS (SELECT FROM stepmill.job_attempts WHERE job_id = NEW.job_id AND attempt = OLD.attempt AND ended_at IS NULL))
    THEN
        RAISE EXCEPTION 'Attempt % of a job can''t follow attempt % now.', NEW.attempt, OLD.attempt
            USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.parked AND NEW.status <> 'RUNNING' AND (OLD.status <> NEW.status OR OLD.status = 'PENDING') THEN
        RAISE EXCEPTION 'Only a job that is RUNNING can be parked.' USING ERRCODE = 'check_violation';
    END IF;
    IF OLD.status = NEW.status THEN
        IF OLD.status IN ('DONE', 'ERROR', 'CANCELLED') AND NEW IS DISTINCT FROM OLD THEN
            RAISE EXCEPTION 'A job that is % does not change.', OLD.status USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF (OLD.status, NEW.status) NOT IN (
        ('PENDING', 'RUNNING'), ('PENDING', 'CANCELLED'), ('RUNNING', 'DONE'), ('RUNNING', 'ERROR'),
        ('RUNNING', 'CANCELLED'), ('RUNNING', 'PENDING'), ('ERROR', 'PENDING'), ('CANCELLED', 'PENDING'))
    THEN
        RAISE EXCEPTION 'A job can''t go from % to %.', OLD.status, NEW.status USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.status = 'RUNNING' AND NEW.attempt = OLD.attempt THEN
        RAISE EXCEPTION 'A job runs by a new attempt only.' USING ERRCODE = 'check_violation';
    END IF;
    IF v_is_whole THEN
        RETURN NEW;
    END IF;
    IF OLD.status = 'RUNNING' AND current_setting('transaction_isolation') <> 'read committed' THEN
        -- What is seen below may be older than what others have committed: then this fails.
        PERFORM FROM stepmill.job_steps WHERE job_id = NEW.job_id FOR SHARE;
    END IF;
    IF OLD.status = 'RUNNING' AND (
        EXISTS (SELECT FROM stepmill.job_steps WHERE job_id = NEW.job_id
            AND CASE NEW.status WHEN 'DONE' THEN status <> 'DONE' ELSE status = 'RUNNING' END)
        OR EXISTS (SELECT FROM stepmill.job_attempts WHERE job_id = NEW.job_id AND attempt = NEW.attempt AND ended_at IS NULL))
    THEN
        RAISE EXCEPTION 'A job can''t be % while its steps are not, or while an attempt of it is open.', NEW.status
            USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.finished_at IS NULL AND NEW.status IN ('DONE', 'ERROR', 'CANCELLED') THEN
        RAISE EXCEPTION 'A job that is % has ended some time.', NEW.status USING ERRCODE = 'check_violation';
    END IF;
    -- A user's retry: what was wrong is taken back with it.
    IF OLD.status IN ('ERROR', 'CANCELLED') AND (NEW.finished_at IS NOT NULL OR NEW.error IS NOT NULL
        OR EXISTS (SELECT FROM stepmill.job_steps WHERE job_id = NEW.job_id AND status = 'ERROR'))
    THEN
        RAISE EXCEPTION 'A job is PENDING again without its error and its end.' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;

CREATE OR REPLACE FUNCTION guard_attempt() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        -- No lock is needed: a job that others see RUNNING has its attempt already, and no two have the same number.
        IF NEW.ended_at IS NULL AND NEW.outcome IS NULL AND NEW.revoked_at IS NULL AND (
            current_setting('stepmill.whole_move', true) = 'on' OR EXISTS (SELECT FROM stepmill.jobs
                WHERE job_id = NEW.job_id AND attempt = NEW.attempt AND status = 'RUNNING' AND NOT parked))
        THEN
            RETURN NEW;
        END IF;
        PERFORM stepmill.refuse_attempt_v1(NEW.job_id, NEW.attempt);
    END IF;
    IF OLD.ended_at IS NULL AND (OLD.revoked_at IS NULL OR NEW.revoked_at IS NOT NULL)
        AND (NEW.ended_at IS NULL) = (NEW.outcome IS NULL)
    THEN
        RETURN NEW;
    END IF;
    IF OLD.ended_at IS NULL AND NEW.revoked_at IS NOT DISTINCT FROM OLD.revoked_at THEN
        RAISE EXCEPTION 'Attempt % of job % ends at a time and with an outcome.', OLD.attempt, OLD.job_id USING ERRCODE = 'check_violation';
    END IF;
    RAISE EXCEPTION 'Attempt % of job % has ended, or is being cancelled.', OLD.attempt, OLD.job_id USING ERRCODE = 'SM001';
END
$$;

CREATE OR REPLACE FUNCTION guard_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' AND current_setting('stepmill.whole_move', true) = 'on' THEN
        RETURN NEW;
    END IF;
    IF TG_OP = 'INSERT' AND (NEW.kind IN ('status', 'step', 'progress', 'log')
        OR (NEW.kind = 'end' AND NOT stepmill.is_at_work_v1(NEW.job_id)))
    THEN
        IF NEW.seq > 1 AND EXISTS (SELECT FROM stepmill.job_events e
            WHERE e.job_id = NEW.job_id AND e.seq = NEW.seq - 1 AND e.tenant_id = NEW.tenant_id AND e.env_id = NEW.env_id
                AND (e.kind <> 'end' OR stepmill.is_at_work_v1(NEW.job_id)))
            AND EXISTS (SELECT FROM stepmill.job_event_counters WHERE job_id = NEW.job_id AND last_seq >= NEW.seq)
        THEN
            RETURN NEW;
        END IF;
        -- The first, or the first after those that were pruned.
        IF EXISTS (SELECT FROM stepmill.job_event_counters
                WHERE job_id = NEW.job_id AND pruned_to = NEW.seq - 1 AND tenant_id = NEW.tenant_id)
            -- Not by `=`: on tables that were small when this was planned, the tenant's index would be walked.
            AND EXISTS (SELECT FROM stepmill.jobs WHERE job_id = NEW.job_id AND tenant_id IS NOT DISTINCT FROM NEW.tenant_id
                AND env_id IS NOT DISTINCT FROM NEW.env_id AND status IN ('PENDING', 'RUNNING'))
        THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'Event % of job % is out of its order.', NEW.seq, NEW.job_id USING ERRCODE = 'check_violation';
END
$$;

DROP TRIGGER guard_event_insert ON job_events;
CREATE TRIGGER guard_event_insert BEFORE INSERT ON job_events FOR EACH ROW EXECUTE FUNCTION guard_event();

-- Append events with the job's next numbers. The first of them follows the last that there is.
CREATE FUNCTION append_v1(p_job text, p_tenant text, p_env text, p_kinds text[], p_data jsonb[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    n integer := cardinality(p_kinds);
    v_now timestamptz := clock_timestamp();
    v_at jsonb := jsonb_build_object('at', stepmill.rfc3339(v_now));
    v_before bigint;
    v_pruned_to bigint;
BEGIN
    UPDATE stepmill.job_event_counters SET last_seq = last_seq + n WHERE job_id = p_job
    RETURNING last_seq - n, pruned_to INTO v_before, v_pruned_to;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'Job % has no event counter.', p_job USING ERRCODE = 'no_data_found';
    END IF;
    INSERT INTO stepmill.job_events (job_id, seq, kind, data, at, tenant_id, env_id)
    SELECT p_job, v_before + e.n, e.kind, e.data || v_at, v_now, p_tenant, p_env
    FROM unnest(p_kinds, p_data) WITH ORDINALITY AS e (kind, data, n)
    WHERE v_before = v_pruned_to OR EXISTS (SELECT FROM stepmill.job_events WHERE job_id = p_job AND seq = v_before);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'Event % of job % is out of its order.', v_before + 1, p_job USING ERRCODE = 'check_violation';
    END IF;
END
$$;

-- The same of [{kind, data}].
CREATE OR REPLACE FUNCTION emit_v1(p_job text, p_tenant text, p_env text, p_events jsonb) RETURNS void LANGUAGE plpgsql
SET search_path = stepmill, pg_temp AS $$
BEGIN
    IF p_events <> '[]' THEN
        PERFORM append_v1(p_job, p_tenant, p_env, array_agg(e ->> 'kind' ORDER BY n), array_agg(e -> 'data' ORDER BY n))
        FROM jsonb_array_elements(p_events) WITH ORDINALITY AS each (e, n);
    END IF;
END
$$;

-- Submission, as before, without looking up for each first event what was written a moment before.
CREATE OR REPLACE FUNCTION submit_batch_v1(p_jobs jsonb[]) RETURNS void LANGUAGE plpgsql
SET search_path = stepmill, pg_temp SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
    v_now timestamptz := clock_timestamp();
    v_at jsonb := jsonb_build_object('at', rfc3339(v_now));
    v_jobs jobs[];
    v_mark text;
BEGIN
    WITH made AS (
        INSERT INTO jobs (job_id, tenant_id, env_id, type, params, max_attempts, priority, timeout_seconds,
            lock_key, lock_from, lock_to, result_step, created_by, created_at, run_at, trace_context)
        SELECT p ->> 'jobId', p ->> 'tenantId', p ->> 'envId', p ->> 'type', p -> 'params', (p ->> 'maxAttempts')::integer,
            (p ->> 'priority')::integer, (p ->> 'timeoutSeconds')::double precision, p ->> 'lockKey',
            (p ->> 'lockFrom')::smallint, (p ->> 'lockTo')::smallint, (p ->> 'resultStep')::smallint, p ->> 'createdBy',
            v_now + (n - 1) * interval '1 microsecond', -- so that a list has them in their order
            greatest((p ->> 'runAt')::timestamptz, v_now), nullif(p -> 'traceContext', 'null')
        FROM unnest(p_jobs) WITH ORDINALITY AS given (p, n)
        RETURNING jobs AS job)
    SELECT array_agg(job) INTO v_jobs FROM made;
    INSERT INTO job_steps (job_id, idx, name, always, tenant_id)
    SELECT p ->> 'jobId', s.ordinality - 1, s.value ->> 'name', (s.value ->> 'always')::boolean, p ->> 'tenantId'
    FROM unnest(p_jobs) AS p, jsonb_array_elements(p -> 'steps') WITH ORDINALITY AS s;
    INSERT INTO job_event_counters (job_id, last_seq, tenant_id) SELECT job_id, 1, tenant_id FROM unnest(v_jobs);
    v_mark := set_config('stepmill.whole_move', 'on', true); -- each is the first of a job that was made above
    INSERT INTO job_events (job_id, seq, kind, data, at, tenant_id, env_id)
    SELECT j.job_id, 1, 'status', status_data_v1(j, 'submitted') || v_at, v_now, j.tenant_id, j.env_id
    FROM unnest(v_jobs) AS j;
    v_mark := set_config('stepmill.whole_move', 'off', true);
    WITH flow AS MATERIALIZED ( -- once for each, not once for each job
        SELECT tenant_id, type, priority, fair_tag_v1(tenant_id, type, priority) AS tag
        FROM (SELECT DISTINCT tenant_id, type, priority FROM unnest(v_jobs)) AS flows)
    INSERT INTO procrastinate_jobs (queue_name, task_name, priority, args, scheduled_at, tenant, ready, tag)
    SELECT type, 'stepmill.run', priority, jsonb_build_object('jobId', job_id), CASE WHEN NOT ready THEN run_at END, tenant_id, ready,
        CASE WHEN ready THEN flow.tag + row_number() OVER (PARTITION BY tenant_id, type, priority, ready ORDER BY created_at) - 1
            ELSE 0 END
    FROM (SELECT j.*, j.run_at <= v_now AS ready FROM unnest(v_jobs) AS j) AS made JOIN flow USING (tenant_id, type, priority)
    ORDER BY created_at;
END
$$;

-- The end of an attempt, as before, in one statement where nobody waits for it.
CREATE OR REPLACE FUNCTION end_attempt_v1(p_job text, p_attempt integer, p_outcome text) RETURNS void LANGUAGE plpgsql
SET search_path = stepmill, pg_temp AS $$
DECLARE
    v_tenant text;
    v_are_limited boolean;
BEGIN
    UPDATE job_attempts SET ended_at = clock_timestamp(), outcome = p_outcome
    WHERE job_id = p_job AND attempt = p_attempt AND ended_at IS NULL
    RETURNING tenant_id, EXISTS (SELECT FROM jobs j WHERE j.tenant_id = job_attempts.tenant_id AND j.waiting ->> 'code' = 'limit')
    INTO v_tenant, v_are_limited;
    IF v_are_limited THEN
        PERFORM wake_limited_v1(v_tenant);
    END IF;
END
$$;

-- The beginning of an attempt, as before, with fewer statements where the job has no lock, and there are no limits. `p_at_once`:
-- only there, and only if nobody else is at the job, so that nothing is waited for; otherwise the answer is null.
DROP FUNCTION begin_attempt_v1(text, text, jsonb);
CREATE FUNCTION begin_attempt_v1(p_job text, p_worker text, p_limits jsonb DEFAULT NULL, p_at_once boolean DEFAULT false) RETURNS jsonb
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

-- Take the next tickets, up to so many, and, for a worker that is named and where nothing has to be waited for, begin their jobs in
-- the same commit. Limits of tenants are not looked at: where there are some, nobody is to be named. `begun` is what
-- `begin_attempt_v1` answers, null where it is to be called yet. Claims alone may be lost with the server; a beginning may not.
CREATE FUNCTION claim_v1(p_types varchar[], p_number bigint, p_most integer, p_worker text)
RETURNS TABLE (ticket procrastinate_jobs, begun jsonb) LANGUAGE plpgsql SET search_path = stepmill, pg_temp AS $$
DECLARE
    v_has_begun boolean := false;
BEGIN
    FOR n IN 1..p_most LOOP
        ticket := procrastinate_fetch_job_v2(p_types, p_number);
        EXIT WHEN ticket.id IS NULL;
        IF p_worker IS NOT NULL THEN
            begun := begin_attempt_v1(ticket.args ->> 'jobId', p_worker, NULL, true);
            v_has_begun := v_has_begun OR begun IS NOT NULL;
        END IF;
        RETURN NEXT;
    END LOOP;
    IF v_has_begun THEN
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;
END
$$;

-- The end of a step, as before. New here: where no lock is concerned and nothing has gone wrong, all is done in one place.
CREATE OR REPLACE FUNCTION finish_step_v1(p_job text, p_attempt integer, p_idx smallint, p_output jsonb, p_progress jsonb) RETURNS jsonb
LANGUAGE plpgsql SET search_path = stepmill, pg_temp SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
    v_tenant text;
    v_env text;
    v_key text;
    v_is_plain boolean;
    j jobs;
    s job_steps;
    t job_steps;
    v_next jsonb;
    v_mark text;
    v_now timestamptz := clock_timestamp();
BEGIN
    -- The fence, and of the job what can't change while the attempt is open.
    SELECT j_.tenant_id, j_.env_id, j_.lock_key, j_.ending IS NULL AND j_.lock_key IS NULL INTO v_tenant, v_env, v_key, v_is_plain
    FROM job_attempts a JOIN jobs j_ USING (job_id)
    WHERE a.job_id = p_job AND a.attempt = p_attempt AND a.ended_at IS NULL AND a.revoked_at IS NULL FOR UPDATE OF a;
    IF NOT FOUND THEN
        PERFORM fence_v1(p_job, p_attempt);
    END IF;
    IF v_key IS NOT NULL THEN
        PERFORM guard_lock_key_v1(v_key);
    END IF;
    v_mark := set_config('stepmill.whole_move', 'on', true);
    UPDATE job_steps SET status = 'DONE', finished_at = v_now, output = p_output, progress = coalesce(p_progress, progress)
    WHERE job_id = p_job AND idx = p_idx AND attempt = p_attempt RETURNING * INTO s;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'Job % has no step % that attempt % runs.', p_job, p_idx, p_attempt USING ERRCODE = 'no_data_found';
    END IF;
    -- A cancel that the fence has waited for leaves an always-step's attempt current, and must be seen: there all is looked at.
    IF v_is_plain AND NOT s.always THEN
        UPDATE job_steps SET status = 'RUNNING', attempt = p_attempt, started_at = v_now, finished_at = NULL, error = NULL, progress = NULL
        WHERE job_id = p_job AND idx = p_idx + 1::smallint AND status = 'PENDING' RETURNING * INTO t;
        IF FOUND THEN
            PERFORM append_v1(p_job, v_tenant, v_env, ARRAY['step', 'step'], ARRAY[step_data_v1(s), step_data_v1(t)]);
            v_mark := set_config('stepmill.whole_move', 'off', true);
            RETURN jsonb_build_object('idx', t.idx, 'status', 'RUNNING');
        END IF;
    END IF;
    IF v_is_plain AND NOT s.always AND NOT EXISTS (SELECT FROM job_steps o WHERE o.job_id = p_job AND o.status <> 'DONE') THEN
        PERFORM end_attempt_v1(p_job, p_attempt, 'done');
        UPDATE jobs SET status = 'DONE', error = NULL, waiting = NULL, waiting_lock = NULL, parked = false, finished_at = v_now,
            result = CASE WHEN result_step = p_idx THEN p_output ELSE
                (SELECT output FROM job_steps o WHERE o.job_id = p_job AND o.idx = jobs.result_step) END
        WHERE job_id = p_job RETURNING * INTO j;
        PERFORM append_v1(p_job, v_tenant, v_env, ARRAY['step', 'status', 'end'], ARRAY[step_data_v1(s), status_data_v1(j),
            jsonb_build_object('status', j.status, 'result', j.result, 'error', j.error)]);
        DELETE FROM procrastinate_jobs WHERE args ->> 'jobId' = p_job AND status = 'doing';
        v_next := jsonb_build_object('idx', NULL, 'status', 'DONE');
    ELSE
        SELECT * INTO j FROM jobs WHERE job_id = p_job;
        v_next := advance_v1(j, p_attempt, p_idx, jsonb_build_array(step_event_v1(s)));
    END IF;
    v_mark := set_config('stepmill.whole_move', 'off', true);
    RETURN v_next;
END
$$;

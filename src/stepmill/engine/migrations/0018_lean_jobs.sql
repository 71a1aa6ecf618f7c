-- Less work in what runs for every job and every step; what is done and what is refused stays the same.

-- What a batch has just inserted is taken from the insert itself. Looked up in `jobs` it was found by whatever plan was made
-- for another batch: after the fifth call of a connection, a nested loop over all jobs that there are.

CREATE OR REPLACE FUNCTION submit_batch_v1(p_jobs jsonb[]) RETURNS void LANGUAGE plpgsql SET search_path = stepmill, pg_temp AS $$
DECLARE
    v_now timestamptz := clock_timestamp();
    v_at jsonb := jsonb_build_object('at', rfc3339(v_now));
    v_jobs jobs[];
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
    INSERT INTO job_events (job_id, seq, kind, data, at, tenant_id, env_id)
    SELECT j.job_id, 1, 'status', (status_event_v1(j, 'submitted') -> 'data') || v_at, v_now,
        j.tenant_id, j.env_id
    FROM unnest(v_jobs) AS j;
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

-- A trigger's WHEN is read and compiled anew by every statement; a function that returns at once is cheaper.
DROP TRIGGER guard_job_move ON jobs;
DROP TRIGGER guard_step_move ON job_steps;
DROP TRIGGER guard_attempt ON job_attempts;
CREATE OR REPLACE FUNCTION guard_job_move() RETURNS trigger LANGUAGE plpgsql SET search_path = stepmill, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        RAISE EXCEPTION 'A job begins PENDING, with a priority from -100 to 100 and at least one attempt.'
            USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.attempt <> OLD.attempt AND (NEW.attempt <> OLD.attempt + 1 OR NEW.status <> 'RUNNING') THEN
        RAISE EXCEPTION 'Attempt % of a job can''t follow attempt %.', NEW.attempt, OLD.attempt USING ERRCODE = 'check_violation';
    END IF;
    IF OLD.status = NEW.status THEN
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
    IF OLD.status = 'RUNNING' AND EXISTS (SELECT FROM job_steps WHERE job_id = NEW.job_id
        AND CASE NEW.status WHEN 'DONE' THEN status <> 'DONE' ELSE status = 'RUNNING' END)
    THEN
        RAISE EXCEPTION 'A job can''t be % while its steps are not.', NEW.status USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER guard_job_move BEFORE UPDATE OF status, attempt ON jobs FOR EACH ROW EXECUTE FUNCTION guard_job_move();

-- One look for what nearly always is so; why it is not is found out afterwards.
CREATE OR REPLACE FUNCTION guard_step_move() RETURNS trigger LANGUAGE plpgsql SET search_path = stepmill, pg_temp AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF OLD.status = NEW.status THEN
            RETURN NEW;
        ELSIF OLD.status = 'RUNNING' AND NEW.status IN ('ERROR', 'PENDING') THEN
            RETURN NEW;
        ELSIF OLD.status = 'RUNNING' AND NEW.status = 'DONE' THEN
            IF EXISTS (SELECT FROM job_attempts
                WHERE job_id = NEW.job_id AND attempt = NEW.attempt AND ended_at IS NULL AND revoked_at IS NULL)
            THEN
                RETURN NEW;
            END IF;
            PERFORM refuse_attempt_v1(NEW.job_id, NEW.attempt);
        ELSIF OLD.status = 'PENDING' AND NEW.status = 'RUNNING' THEN
            IF EXISTS (SELECT FROM job_attempts
                    WHERE job_id = NEW.job_id AND attempt = NEW.attempt AND ended_at IS NULL AND revoked_at IS NULL)
                AND NOT EXISTS (SELECT FROM job_steps WHERE job_id = NEW.job_id AND idx < NEW.idx AND status <> 'DONE')
            THEN
                RETURN NEW;
            END IF;
            IF NOT EXISTS (SELECT FROM job_attempts
                WHERE job_id = NEW.job_id AND attempt = NEW.attempt AND ended_at IS NULL AND revoked_at IS NULL)
            THEN
                PERFORM refuse_attempt_v1(NEW.job_id, NEW.attempt);
            END IF;
            -- An always-step runs whatever came before, once the job is to end: after the always-steps before it.
            IF NEW.always AND EXISTS (SELECT FROM jobs WHERE job_id = NEW.job_id AND ending IS NOT NULL)
                AND NOT EXISTS (SELECT FROM job_steps WHERE job_id = NEW.job_id AND idx < NEW.idx
                    AND (status = 'RUNNING' OR always AND status = 'PENDING'))
            THEN
                RETURN NEW;
            END IF;
            RAISE EXCEPTION 'Step % of job % can''t run before the steps before it are DONE.', NEW.idx, NEW.job_id
                USING ERRCODE = 'check_violation';
        -- A user's retry may take a step back, and only while the job is at rest.
        ELSIF OLD.status IN ('DONE', 'ERROR') AND NEW.status = 'PENDING'
            AND EXISTS (SELECT FROM jobs WHERE job_id = NEW.job_id AND status IN ('ERROR', 'CANCELLED'))
        THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'A step can''t go from % to %.', CASE TG_OP WHEN 'UPDATE' THEN OLD.status ELSE 'nothing' END, NEW.status
        USING ERRCODE = 'check_violation';
END
$$;
CREATE TRIGGER guard_step_move BEFORE UPDATE OF status ON job_steps FOR EACH ROW EXECUTE FUNCTION guard_step_move();
CREATE FUNCTION refuse_attempt_v1(p_job text, p_attempt integer) RETURNS void LANGUAGE plpgsql
SET search_path = stepmill, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'Attempt % of job % is no longer the current one.', p_attempt, p_job USING ERRCODE = 'SM001';
END
$$;

CREATE OR REPLACE FUNCTION guard_attempt() RETURNS trigger LANGUAGE plpgsql SET search_path = stepmill, pg_temp AS $$
BEGIN
    IF OLD.ended_at IS NULL AND (OLD.revoked_at IS NULL OR NEW.revoked_at IS NOT NULL)
        AND OLD.attempt = NEW.attempt AND OLD.job_id = NEW.job_id
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'Attempt % of job % has ended, or is being cancelled.', OLD.attempt, OLD.job_id USING ERRCODE = 'SM001';
END
$$;
CREATE TRIGGER guard_attempt BEFORE UPDATE ON job_attempts FOR EACH ROW EXECUTE FUNCTION guard_attempt();

-- A job's first event has none before it that could be looked for.
CREATE OR REPLACE FUNCTION guard_event() RETURNS trigger LANGUAGE plpgsql SET search_path = stepmill, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' AND (
        NEW.seq > 1 AND EXISTS (SELECT FROM job_events WHERE job_id = NEW.job_id AND seq = NEW.seq - 1)
        OR EXISTS (SELECT FROM job_event_counters WHERE job_id = NEW.job_id AND pruned_to = NEW.seq - 1))
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'Event % of job % is out of its order.', NEW.seq, NEW.job_id USING ERRCODE = 'check_violation';
END
$$;

-- Append events, [{kind, data}], with the job's next numbers: all of them by one statement.
CREATE OR REPLACE FUNCTION emit_v1(p_job text, p_tenant text, p_env text, p_events jsonb) RETURNS void LANGUAGE plpgsql
SET search_path = stepmill, pg_temp AS $$
DECLARE
    n integer := jsonb_array_length(p_events);
    v_now timestamptz := clock_timestamp();
    v_at jsonb := jsonb_build_object('at', rfc3339(v_now));
    v_before bigint;
BEGIN
    IF n = 0 THEN
        RETURN;
    END IF;
    UPDATE job_event_counters SET last_seq = last_seq + n WHERE job_id = p_job RETURNING last_seq - n INTO v_before;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'Job % has no event counter.', p_job USING ERRCODE = 'no_data_found';
    END IF;
    INSERT INTO job_events (job_id, seq, kind, data, at, tenant_id, env_id)
    SELECT p_job, v_before + e.ordinality, e.value ->> 'kind', (e.value -> 'data') || v_at, v_now, p_tenant, p_env
    FROM jsonb_array_elements(p_events) WITH ORDINALITY AS e;
END
$$;

-- Jobs that stand aside for their tenant's limit are looked for before one is changed: most have none.
CREATE OR REPLACE FUNCTION end_attempt_v1(p_job text, p_attempt integer, p_outcome text) RETURNS void LANGUAGE plpgsql
SET search_path = stepmill, pg_temp AS $$
DECLARE
    v_tenant text;
BEGIN
    UPDATE job_attempts SET ended_at = clock_timestamp(), outcome = p_outcome
    WHERE job_id = p_job AND attempt = p_attempt AND ended_at IS NULL RETURNING tenant_id INTO v_tenant;
    IF FOUND AND EXISTS (SELECT FROM jobs WHERE tenant_id = v_tenant AND waiting ->> 'code' = 'limit') THEN
        PERFORM wake_limited_v1(v_tenant);
    END IF;
END
$$;

-- Put the job to rest in the state that `ending` names, or DONE. New here: its ticket goes in the same commit, so that its
-- worker need not remove it by another.
CREATE OR REPLACE FUNCTION finalize_v1(p_job text, p_events jsonb) RETURNS jobs LANGUAGE plpgsql
SET search_path = stepmill, pg_temp AS $$
DECLARE
    j jobs;
BEGIN
    UPDATE jobs SET status = coalesce(ending ->> 'status', 'DONE'), error = nullif(ending -> 'error', 'null'), ending = NULL,
        waiting = NULL, waiting_lock = NULL, parked = false, finished_at = clock_timestamp(),
        result = CASE WHEN ending IS NULL THEN
            (SELECT output FROM job_steps s WHERE s.job_id = p_job AND s.idx = jobs.result_step) END
    WHERE job_id = p_job RETURNING * INTO j;
    PERFORM end_attempt_v1(p_job, j.attempt, lower(j.status));
    IF j.lock_key IS NOT NULL THEN
        PERFORM release_lock_v1(p_job, j.lock_key);
    END IF;
    PERFORM emit_v1(j.job_id, j.tenant_id, j.env_id, p_events || jsonb_build_array(status_event_v1(j),
        jsonb_build_object('kind', 'end', 'data', jsonb_build_object('status', j.status, 'result', j.result, 'error', j.error))));
    DELETE FROM procrastinate_jobs WHERE args ->> 'jobId' = p_job AND status = 'doing';
    RETURN j;
END
$$;

-- The queue's own end of a ticket, for workers of an earlier version. New here: one that is gone already is no error.
CREATE OR REPLACE FUNCTION procrastinate_finish_job_v1(job_id bigint, end_status procrastinate_job_status, delete_job boolean)
RETURNS void LANGUAGE plpgsql SET search_path = stepmill, pg_temp AS $$
BEGIN
    DELETE FROM procrastinate_jobs WHERE id = job_id AND status IN ('todo', 'doing');
END
$$;

-- Those who wait for a lock are in the index as they stand in line: however many, the next one is the first.
DROP INDEX jobs_waiting_lock_idx;
CREATE INDEX jobs_waiting_lock_idx ON jobs (waiting_lock, priority DESC, (waiting ->> 'since'), job_id)
    WHERE waiting_lock IS NOT NULL;

-- Nobody writes the queue's own events and periods, so a ticket that goes has none to take with it.
ALTER TABLE procrastinate_events DROP CONSTRAINT procrastinate_events_job_id_fkey;
ALTER TABLE procrastinate_periodic_defers DROP CONSTRAINT procrastinate_periodic_defers_job_id_fkey;

-- Tickets whose time has come take their place in the order. New here: a job that began before, as after a back-off, is next.
CREATE OR REPLACE FUNCTION ready_tickets_v1() RETURNS void LANGUAGE plpgsql SET search_path = stepmill, pg_temp AS $$
DECLARE
    t procrastinate_jobs;
BEGIN
    FOR t IN
        SELECT * FROM procrastinate_jobs WHERE status = 'todo' AND NOT ready AND scheduled_at <= clock_timestamp()
        ORDER BY scheduled_at, id LIMIT 100 FOR UPDATE SKIP LOCKED
    LOOP
        UPDATE procrastinate_jobs SET ready = true, tag = CASE
            WHEN EXISTS (SELECT FROM jobs WHERE job_id = t.args ->> 'jobId' AND attempt > 0)
                THEN next_tag_v1(t.queue_name, t.priority)
            ELSE fair_tag_v1(t.tenant, t.queue_name, t.priority) END
        WHERE id = t.id;
    END LOOP;
END
$$;

-- The queue's claim, as before. New here: a look at whether any ticket has come due, before they are taken up; and no choice
-- between types where there is one.
CREATE OR REPLACE FUNCTION procrastinate_fetch_job_v2(target_queue_names character varying[], p_worker_id bigint)
RETURNS procrastinate_jobs LANGUAGE plpgsql SET search_path = stepmill, pg_temp SET enable_sort = off AS $$
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
        UPDATE procrastinate_jobs SET status = 'doing', worker_id = p_worker_id
        WHERE id = (
            SELECT id FROM procrastinate_jobs WHERE status = 'todo' AND ready AND queue_name = v_type
            ORDER BY priority DESC, tag, id LIMIT 1 FOR UPDATE SKIP LOCKED)
        RETURNING * INTO found_jobs;
        IF FOUND THEN
            RETURN found_jobs;
        END IF;
        v_types := array_remove(v_types, v_type);
    END LOOP;
END
$$;

-- What they look up has an index, whatever the tables were like when a connection made its plans: those of its first minute
-- may last for days. And they are the same plans for all jobs, so none is made anew.
DO $$
DECLARE
    f regprocedure;
BEGIN
    FOR f IN SELECT oid FROM pg_proc WHERE pronamespace = 'stepmill'::regnamespace AND proname IN (
        'procrastinate_fetch_job_v2', 'procrastinate_finish_job_v1', 'begin_attempt_v1', 'finish_step_v1', 'fail_step_v1',
        'report_v1', 'submit_batch_v1')
    LOOP
        EXECUTE format('ALTER FUNCTION %s SET plan_cache_mode = force_generic_plan', f);
        EXECUTE format('ALTER FUNCTION %s SET enable_seqscan = off', f);
    END LOOP;
END
$$;

-- One turn for each tenant, however many types its jobs are of, and however many of them become due at once; types that were not
-- served for a while are in step again; chunks of a load by the current attempt only.

-- By how much a type's tags are behind those of the types that are served with it: where types are compared, it is added.
CREATE TABLE queue_clocks (
    type text NOT NULL,
    priority integer NOT NULL,
    behind bigint NOT NULL,
    PRIMARY KEY (type, priority)
) WITH (fillfactor = 50);
GRANT SELECT, INSERT, UPDATE ON queue_clocks TO stepmill_engine;
GRANT SELECT ON queue_clocks TO stepmill_api;

-- A flow is a tenant's tickets of one priority and type; those that come back are one of their own.
DROP INDEX stepmill_tickets_by_flow_idx, stepmill_tickets_returning_idx;
CREATE INDEX stepmill_tickets_by_flow_idx ON procrastinate_jobs (tenant, priority, queue_name, returns, tag)
    WHERE status = 'todo' AND ready;
CREATE INDEX stepmill_tickets_later_by_flow_idx ON procrastinate_jobs (tenant, priority, queue_name, returns, scheduled_at)
    WHERE status = 'todo' AND NOT ready;

-- How far apart the tags of a flow are: by as many as its tenant has flows that wait in this priority, so that all of them
-- together have one turn where the flow of another tenant has one. New tickets of `p_types` are flows that wait.
CREATE FUNCTION flow_step_v1(p_tenant text, p_priority integer, p_types text[]) RETURNS bigint LANGUAGE sql STABLE
SET search_path = stepmill, pg_temp SET enable_seqscan = off AS $$
WITH RECURSIVE flow (type, returns) AS (
    (SELECT queue_name, returns FROM procrastinate_jobs
        WHERE status = 'todo' AND ready AND tenant = p_tenant AND priority = p_priority ORDER BY queue_name, returns LIMIT 1)
    UNION ALL
    SELECT following.* FROM flow CROSS JOIN LATERAL (
        SELECT queue_name, returns FROM procrastinate_jobs t
        WHERE status = 'todo' AND ready AND tenant = p_tenant AND priority = p_priority
            AND (t.queue_name, t.returns) > (flow.type, flow.returns)
        ORDER BY queue_name, returns LIMIT 1) AS following)
SELECT count(*) FROM (SELECT type, returns FROM flow UNION SELECT unnest(p_types), false) AS flows
$$;

CREATE FUNCTION clock_behind_v1(p_type text, p_priority integer) RETURNS bigint LANGUAGE sql STABLE
SET search_path = stepmill, pg_temp AS $$
SELECT coalesce((SELECT behind FROM queue_clocks WHERE type = p_type AND priority = p_priority), 0)
$$;

-- The tag of a newcomer: that of its type's first ticket; if there is none, the one that was served last among the types that
-- the same workers run.
CREATE OR REPLACE FUNCTION next_tag_v1(p_type text, p_priority integer) RETURNS bigint LANGUAGE plpgsql STABLE
SET search_path = stepmill, pg_temp AS $$
DECLARE
    v_tag bigint;
BEGIN
    SELECT tag INTO v_tag FROM procrastinate_jobs
    WHERE status = 'todo' AND ready AND queue_name = p_type AND priority = p_priority ORDER BY tag, id LIMIT 1;
    IF FOUND THEN
        RETURN v_tag;
    END IF;
    SELECT s.tag + clock_behind_v1(s.type, p_priority) INTO v_tag FROM queue_served s
    WHERE s.priority = p_priority AND (s.type = p_type OR EXISTS (
        SELECT FROM workers w WHERE p_type = ANY (w.types) AND s.type = ANY (w.types)))
    ORDER BY s.at DESC LIMIT 1;
    IF NOT FOUND THEN
        -- Each type that has tickets is looked up by itself: their number does not matter.
        WITH RECURSIVE waiting (type) AS (
            (SELECT queue_name FROM procrastinate_jobs WHERE status = 'todo' AND ready ORDER BY queue_name LIMIT 1)
            UNION ALL
            SELECT (SELECT queue_name FROM procrastinate_jobs t
                WHERE t.status = 'todo' AND t.ready AND t.queue_name > w.type ORDER BY t.queue_name LIMIT 1)
            FROM waiting w WHERE w.type IS NOT NULL)
        SELECT min(first.tag + clock_behind_v1(w.type, p_priority)) INTO v_tag FROM waiting w CROSS JOIN LATERAL (
            SELECT tag FROM procrastinate_jobs
            WHERE status = 'todo' AND ready AND queue_name = w.type AND priority = p_priority ORDER BY tag, id LIMIT 1) AS first;
    END IF;
    RETURN coalesce(v_tag - clock_behind_v1(p_type, p_priority), 0);
END
$$;

-- The tag of a tenant's next ticket: behind all that wait in its flow, those that come back included. `p_step`: how far behind,
-- if that is known.
DROP FUNCTION fair_tag_v1(text, text, integer);
CREATE FUNCTION fair_tag_v1(p_tenant text, p_type text, p_priority integer, p_step bigint DEFAULT NULL) RETURNS bigint LANGUAGE plpgsql STABLE
SET search_path = stepmill, pg_temp SET enable_seqscan = off AS $$
DECLARE
    v_last bigint;
BEGIN
    SELECT max(last.tag) INTO v_last FROM unnest(ARRAY[false, true]) AS returning_ CROSS JOIN LATERAL (
        SELECT tag FROM procrastinate_jobs
        WHERE status = 'todo' AND ready AND tenant = p_tenant AND priority = p_priority AND queue_name = p_type AND returns = returning_
        ORDER BY tag DESC LIMIT 1) AS last;
    IF v_last IS NULL THEN
        RETURN next_tag_v1(p_type, p_priority);
    END IF;
    RETURN greatest(v_last + coalesce(p_step, flow_step_v1(p_tenant, p_priority, ARRAY[p_type])), next_tag_v1(p_type, p_priority));
END
$$;

-- Those of a flow that come back: each is behind the last of them, or next.
CREATE OR REPLACE FUNCTION return_tag_v1(p_tenant text, p_type text, p_priority integer) RETURNS bigint LANGUAGE plpgsql STABLE
SET search_path = stepmill, pg_temp SET enable_seqscan = off AS $$
DECLARE
    v_last bigint;
BEGIN
    SELECT tag INTO v_last FROM procrastinate_jobs
    WHERE status = 'todo' AND ready AND tenant = p_tenant AND priority = p_priority AND queue_name = p_type AND returns
    ORDER BY tag DESC LIMIT 1;
    IF NOT FOUND THEN
        RETURN next_tag_v1(p_type, p_priority);
    END IF;
    RETURN greatest(v_last + flow_step_v1(p_tenant, p_priority, '{}'), next_tag_v1(p_type, p_priority));
END
$$;

-- The tickets of new jobs.
CREATE FUNCTION issue_tickets_v1(p_jobs jobs[], p_now timestamptz) RETURNS void LANGUAGE plpgsql
SET search_path = stepmill, pg_temp SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
BEGIN
    WITH band AS MATERIALIZED ( -- once for each, not once for each job
        SELECT tenant_id, priority, array_agg(DISTINCT type) AS types FROM unnest(p_jobs) GROUP BY tenant_id, priority),
    step AS MATERIALIZED (SELECT *, flow_step_v1(tenant_id, priority, types) AS step FROM band),
    flow AS MATERIALIZED (
        SELECT tenant_id, priority, type, step, fair_tag_v1(tenant_id, type, priority, step) AS tag FROM step, unnest(types) AS type)
    INSERT INTO procrastinate_jobs (queue_name, task_name, priority, args, scheduled_at, tenant, ready, tag)
    SELECT type, 'stepmill.run', priority, jsonb_build_object('jobId', job_id), CASE WHEN NOT ready THEN run_at END, tenant_id, ready,
        CASE WHEN ready
            THEN flow.tag + flow.step * (row_number() OVER (PARTITION BY tenant_id, type, priority, ready ORDER BY created_at) - 1)
            ELSE 0 END
    FROM (SELECT j.*, j.run_at <= p_now AS ready FROM unnest(p_jobs) AS j) AS made JOIN flow USING (tenant_id, type, priority)
    ORDER BY created_at;
END
$$;

-- Submission, as before.
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
    PERFORM issue_tickets_v1(v_jobs, v_now);
END
$$;

-- Tickets whose time has come take their place in the order: the oldest, and if there are many of them also the oldest of each
-- flow, so that nobody waits until the others' have been given a place. Where the flows are many, too, each call looks at the
-- next of them, as this session remembers.
CREATE OR REPLACE FUNCTION ready_tickets_v1() RETURNS void LANGUAGE plpgsql SET search_path = stepmill, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
    v_now timestamptz := clock_timestamp();
    v_due bigint[];
    v_flow jsonb := nullif(current_setting('stepmill.due_flow', true), '')::jsonb;
    v_flows jsonb[];
    t procrastinate_jobs;
BEGIN
    v_due := ARRAY(SELECT id FROM procrastinate_jobs
        WHERE status = 'todo' AND NOT ready AND scheduled_at <= v_now ORDER BY scheduled_at, id LIMIT 100);
    IF cardinality(v_due) = 100 THEN
        WITH RECURSIVE flow (number, tenant, priority, type, returns) AS (
            SELECT 0, coalesce(v_flow ->> 'tenant', ''), coalesce((v_flow ->> 'priority')::integer, 0), coalesce(v_flow ->> 'type', ''),
                coalesce((v_flow ->> 'returns')::boolean, false)
            UNION ALL
            SELECT number + 1, following.* FROM flow CROSS JOIN LATERAL (
                SELECT later.tenant, later.priority, later.queue_name, later.returns FROM procrastinate_jobs later
                WHERE status = 'todo' AND NOT ready
                    AND (later.tenant, later.priority, later.queue_name, later.returns) > (flow.tenant, flow.priority, flow.type, flow.returns)
                ORDER BY later.tenant, later.priority, later.queue_name, later.returns LIMIT 1) AS following
            WHERE number < 300)
        SELECT array_agg(to_jsonb(flow) ORDER BY number) INTO v_flows FROM flow WHERE number > 0;
        PERFORM set_config('stepmill.due_flow', CASE WHEN cardinality(v_flows) = 300 THEN v_flows[300]::text ELSE '' END, false);
        v_due := v_due || ARRAY(
            SELECT due.id FROM unnest(v_flows) AS flow CROSS JOIN LATERAL (
                SELECT id FROM procrastinate_jobs
                WHERE status = 'todo' AND NOT ready AND tenant = flow ->> 'tenant' AND priority = (flow ->> 'priority')::integer
                    AND queue_name = flow ->> 'type' AND returns = (flow ->> 'returns')::boolean AND scheduled_at <= v_now
                ORDER BY scheduled_at LIMIT greatest(1, 100 / cardinality(v_flows))) AS due);
    END IF;
    FOR t IN
        SELECT * FROM procrastinate_jobs WHERE id = ANY (v_due) AND status = 'todo' AND NOT ready
        ORDER BY scheduled_at, id FOR UPDATE SKIP LOCKED
    LOOP
        UPDATE procrastinate_jobs SET ready = true, tag = CASE WHEN t.returns
            THEN return_tag_v1(t.tenant, t.queue_name, t.priority) ELSE fair_tag_v1(t.tenant, t.queue_name, t.priority) END
        WHERE id = t.id;
    END LOOP;
END
$$;

-- Of a type that was claimed of: tags that are behind those of the others which the same worker runs are from a time when
-- nobody served it, and no reason to go before all of theirs. It is in step with them from now on. False: somebody else is at it.
CREATE FUNCTION keep_step_v1(p_types text[], p_type text, p_priority integer, p_tag bigint) RETURNS boolean LANGUAGE plpgsql
SET search_path = stepmill, pg_temp SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
    v_clock bigint; -- of the types that are ahead
    v_next bigint;
BEGIN
    SELECT max(tag + clock_behind_v1(type, priority)) INTO v_clock FROM queue_served WHERE priority = p_priority AND type = ANY (p_types);
    v_clock := v_clock - clock_behind_v1(p_type, p_priority) - 4; -- what is served is noted every few claims only
    IF v_clock IS NULL OR p_tag >= v_clock THEN
        RETURN true;
    END IF;
    -- A single ticket may have come late for another reason.
    SELECT tag INTO v_next FROM procrastinate_jobs
    WHERE status = 'todo' AND ready AND queue_name = p_type AND priority = p_priority ORDER BY tag, id LIMIT 1;
    IF v_next IS NULL OR v_next >= v_clock THEN
        RETURN true;
    END IF;
    IF NOT pg_try_advisory_xact_lock(hashtextextended(format('clock/%s/%s', p_type, p_priority), 5042)) THEN
        RETURN false;
    END IF;
    INSERT INTO queue_clocks AS c (type, priority, behind) VALUES (p_type, p_priority, v_clock + 4 - v_next)
    ON CONFLICT (type, priority) DO UPDATE SET behind = c.behind + v_clock + 4 - v_next;
    RETURN true;
END
$$;

-- The queue's claim, as before. New here: the first ticket of a type may be in another claim that is not committed yet. What is
-- behind it then may also be behind another type's first, which is taken instead. Nothing is locked that is not taken. Types
-- are compared by their clocks.
CREATE OR REPLACE FUNCTION procrastinate_fetch_job_v2(target_queue_names character varying[], p_worker_id bigint)
RETURNS procrastinate_jobs LANGUAGE plpgsql SET search_path = stepmill, pg_temp SET enable_sort = off
SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    v_limits jsonb := nullif(current_setting('stepmill.type_limits', true), '')::jsonb;
    v_types text[] := target_queue_names;
    v_type text;
    v_all text[];
    v_first integer; -- the priority of its first ticket
    v_behind bigint; -- of that type, and priority
    v_rival procrastinate_jobs; -- the first ticket of the type that comes next
    v_passed text[] := '{}'; -- types that have tickets left, but behind another's first
    v_is_last boolean := false;
    found_jobs procrastinate_jobs;
BEGIN
    IF EXISTS (SELECT FROM procrastinate_jobs WHERE status = 'todo' AND NOT ready AND scheduled_at <= clock_timestamp()) THEN
        PERFORM ready_tickets_v1();
    END IF;
    IF v_types IS NULL THEN
        SELECT array_agg(DISTINCT queue_name) INTO v_types FROM procrastinate_jobs WHERE status = 'todo' AND ready;
    END IF;
    v_all := v_types;
    LOOP
        IF cardinality(v_types) = 1 AND cardinality(v_passed) = 0 THEN
            v_type := v_types[1];
            v_rival := NULL;
        ELSE
            SELECT wanted, priority, types.behind, next_priority, next_time, next_id
            INTO v_type, v_first, v_behind, v_rival.priority, v_rival.tag, v_rival.id FROM (
                SELECT wanted, first.*, clock.behind, tag + clock.behind AS time,
                    lead(priority) OVER w AS next_priority, lead(tag + clock.behind) OVER w AS next_time, lead(id) OVER w AS next_id
                FROM unnest(v_types) AS wanted CROSS JOIN LATERAL (
                    SELECT priority, tag, id FROM procrastinate_jobs
                    WHERE status = 'todo' AND ready AND queue_name = wanted ORDER BY priority DESC, tag, id LIMIT 1) AS first
                CROSS JOIN LATERAL (
                    SELECT coalesce((SELECT behind FROM queue_clocks WHERE type = wanted AND priority = first.priority), 0) AS behind) AS clock
                WINDOW w AS (ORDER BY priority DESC, tag + clock.behind, id)) AS types
            ORDER BY priority DESC, time, id LIMIT 1;
            IF NOT FOUND THEN
                IF cardinality(v_passed) = 0 THEN
                    RETURN NULL;
                END IF;
                v_types := v_passed;
                v_passed := '{}';
                v_is_last := true;
                CONTINUE;
            END IF;
        END IF;
        IF v_rival.priority <> v_first THEN
            v_behind := clock_behind_v1(v_type, v_rival.priority);
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
        WHERE id = CASE WHEN v_is_last OR v_rival.id IS NULL THEN (
            SELECT id FROM procrastinate_jobs WHERE status = 'todo' AND ready AND queue_name = v_type
            ORDER BY priority DESC, tag, id LIMIT 1 FOR UPDATE SKIP LOCKED)
        ELSE coalesce((
            SELECT id FROM procrastinate_jobs WHERE status = 'todo' AND ready AND queue_name = v_type AND priority > v_rival.priority
            ORDER BY priority DESC, tag, id LIMIT 1 FOR UPDATE SKIP LOCKED), (
            SELECT id FROM procrastinate_jobs WHERE status = 'todo' AND ready AND queue_name = v_type AND priority = v_rival.priority
                AND (tag, id) < (v_rival.tag - v_behind, v_rival.id)
            ORDER BY priority DESC, tag, id LIMIT 1 FOR UPDATE SKIP LOCKED)) END
        RETURNING * INTO found_jobs;
        IF FOUND THEN
            -- Every few claims will do, and nobody waits for another one to note it.
            IF EXISTS (SELECT FROM queue_served WHERE type = v_type AND priority = found_jobs.priority
                AND abs(tag - found_jobs.tag) < 4 AND at > found_jobs.taken_at - interval '1 second')
            THEN
                RETURN found_jobs;
            END IF;
            IF cardinality(v_all) > 1 AND NOT coalesce(v_limits ? v_type, false)
                AND NOT keep_step_v1(v_all, v_type, found_jobs.priority, found_jobs.tag)
            THEN
                RETURN found_jobs; -- not noted, so that the next claim looks again
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
        IF v_rival.id IS NOT NULL AND NOT v_is_last THEN
            v_passed := v_passed || v_type;
        END IF;
    END LOOP;
END
$$;

-- What nobody sees yet of a load comes by the job's current attempt only, too, and is not changed.
CREATE POLICY owner_looks ON load_targets FOR SELECT TO stepmill_owner USING (true);
CREATE FUNCTION guard_chunk() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = stepmill, pg_temp AS $$
DECLARE
    v_job text;
BEGIN
    SELECT job_id INTO v_job FROM load_targets WHERE load_id = NEW.load_id;
    IF TG_OP = 'UPDATE' THEN
        RAISE EXCEPTION 'Chunk % of load % is written once.', OLD.chunk, OLD.load_id USING ERRCODE = 'check_violation';
    END IF;
    PERFORM 1 FROM job_attempts
    WHERE job_id = v_job AND attempt = NEW.attempt AND ended_at IS NULL AND revoked_at IS NULL FOR SHARE;
    IF NOT FOUND THEN
        PERFORM refuse_attempt_v1(v_job, NEW.attempt);
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER guard_chunk BEFORE INSERT OR UPDATE ON load_chunks FOR EACH ROW EXECUTE FUNCTION guard_chunk();

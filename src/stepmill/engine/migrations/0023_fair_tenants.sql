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
CREATE FUNCTION clock_behind_v1(p_type text, p_priority integer) RETURNS bigint LANGUAGE sql STABLE
SET search_path = stepmill, pg_temp AS $$
SELECT coalesce((SELECT behind FROM queue_clocks WHERE type = p_type AND priority = p_priority), 0)
$$;

-- A flow is a tenant's tickets of one priority and type; those that come back are one of their own.
DROP INDEX stepmill_tickets_by_flow_idx, stepmill_tickets_returning_idx;
CREATE INDEX stepmill_tickets_by_flow_idx ON procrastinate_jobs (tenant, priority, queue_name, returns, tag)
    WHERE status = 'todo' AND ready;
CREATE INDEX stepmill_tickets_later_by_flow_idx ON procrastinate_jobs (tenant, priority, queue_name, returns, scheduled_at)
    WHERE status = 'todo' AND NOT ready;

-- Until when a tenant was served, where nothing of the same flow waited any more: who comes again at once has had that turn.
CREATE UNLOGGED TABLE queue_tenants (
    tenant_id text NOT NULL,
    priority integer NOT NULL,
    type text NOT NULL,
    clock bigint NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, priority, type)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
GRANT SELECT, INSERT, UPDATE, DELETE ON queue_tenants TO stepmill_engine;
GRANT SELECT ON queue_tenants TO stepmill_api;
ALTER TABLE queue_tenants ENABLE ROW LEVEL SECURITY;
ALTER TABLE queue_tenants FORCE ROW LEVEL SECURITY;
CREATE POLICY engine ON queue_tenants TO stepmill_engine USING (true) WITH CHECK (true);
CREATE POLICY tenant ON queue_tenants FOR SELECT TO stepmill_api USING (tenant_id = current_setting('stepmill.tenant', true));

-- Whether a worker that is alive takes tickets of both types. Where none takes the one, it is not known yet who will.
CREATE FUNCTION served_together_v1(p_type text, p_other text) RETURNS boolean LANGUAGE sql STABLE
SET search_path = stepmill, pg_temp AS $$
SELECT p_type = p_other OR coalesce((
    SELECT bool_or(p_other = ANY (types)) FROM workers
    WHERE p_type = ANY (types) AND last_seen_at > statement_timestamp() - interval '1 minute'), true)
$$;

-- The types of the tenant's other flows that it takes turns with behind `p_after`, a tag of the given flow: those that reach at least
-- half as far from `p_now`, the tag that is served next. Not those of types that are not served along with it: by other workers, or
-- not at all at present.
CREATE FUNCTION rivals_v1(p_tenant text, p_priority integer, p_type text, p_returns boolean, p_now bigint, p_after bigint)
RETURNS text[] LANGUAGE sql STABLE SET search_path = stepmill, pg_temp SET enable_seqscan = off AS $$
WITH RECURSIVE flow (type, returns) AS (
    (SELECT queue_name, returns FROM procrastinate_jobs
        WHERE status = 'todo' AND ready AND tenant = p_tenant AND priority = p_priority ORDER BY queue_name, returns LIMIT 1)
    UNION ALL
    SELECT following.* FROM flow CROSS JOIN LATERAL (
        SELECT queue_name, returns FROM procrastinate_jobs t
        WHERE status = 'todo' AND ready AND tenant = p_tenant AND priority = p_priority
            AND (t.queue_name, t.returns) > (flow.type, flow.returns)
        ORDER BY queue_name, returns LIMIT 1) AS following)
SELECT coalesce(array_agg(flow.type), '{}') FROM flow
CROSS JOIN LATERAL (SELECT clock_behind_v1(p_type, p_priority) - clock_behind_v1(flow.type, p_priority) AS ahead) AS clock
CROSS JOIN LATERAL (
    SELECT tag FROM procrastinate_jobs
    WHERE status = 'todo' AND ready AND tenant = p_tenant AND priority = p_priority AND queue_name = flow.type AND returns = flow.returns
    ORDER BY tag DESC LIMIT 1) AS last
CROSS JOIN LATERAL (
    SELECT tag FROM procrastinate_jobs
    WHERE status = 'todo' AND ready AND queue_name = flow.type AND priority = p_priority ORDER BY tag, id LIMIT 1) AS first
WHERE (flow.type, flow.returns) <> (p_type, p_returns) AND (flow.returns OR NOT p_returns)
    AND 2 * (last.tag - clock.ahead - p_now) >= p_after - p_now
    AND first.tag >= p_now + clock.ahead - 8
    AND served_together_v1(p_type, flow.type)
$$;

-- The tag of a newcomer: that of its type's first ticket; if there is none, the one that was served last of the types that the
-- same workers run.
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
    -- The furthest of them: one that has a limit, or that nobody served for a while, may be behind.
    SELECT max(s.tag + clock_behind_v1(s.type, p_priority)) INTO v_tag FROM queue_served s
    WHERE s.priority = p_priority AND (s.type = p_type OR EXISTS (
        SELECT FROM workers w WHERE p_type = ANY (w.types) AND s.type = ANY (w.types)));
    IF v_tag IS NULL THEN
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
    -- After a crash nothing may be known but the clocks.
    RETURN coalesce(v_tag, (SELECT max(behind) FROM queue_clocks WHERE priority = p_priority), 0) - clock_behind_v1(p_type, p_priority);
END
$$;

-- The tag of a turn that a tenant has had although nothing of the flow waits any more; null if there was none since.
CREATE FUNCTION had_turn_v1(p_tenant text, p_type text, p_priority integer, p_now bigint) RETURNS bigint LANGUAGE sql STABLE
SET search_path = stepmill, pg_temp AS $$
-- What is served is noted every few claims; a turn that is far ahead is by the clock of another worker's types.
SELECT max(clock) - clock_behind_v1(p_type, p_priority) FROM queue_tenants
WHERE tenant_id = p_tenant AND priority = p_priority AND served_together_v1(p_type, type)
    AND clock - clock_behind_v1(p_type, p_priority) BETWEEN p_now AND p_now + 64
$$;

-- Where a flow goes on: the tag of its next ticket, and how far apart the following ones are. That is behind all that wait in it
-- (those that come back included), as much as its tenant has other flows that it takes turns with; all of them together have one turn
-- where another tenant has one.
CREATE FUNCTION flow_place_v1(p_tenant text, p_type text, p_priority integer, OUT tag bigint, OUT step bigint, OUT rivals text[])
LANGUAGE plpgsql STABLE SET search_path = stepmill, pg_temp SET enable_seqscan = off AS $$
DECLARE
    v_last bigint;
    v_now bigint := next_tag_v1(p_type, p_priority);
BEGIN
    SELECT max(last.tag) INTO v_last FROM unnest(ARRAY[false, true]) AS is_back CROSS JOIN LATERAL (
        SELECT t.tag FROM procrastinate_jobs t
        WHERE t.status = 'todo' AND t.ready AND t.tenant = p_tenant AND t.priority = p_priority AND t.queue_name = p_type
            AND t.returns = is_back
        ORDER BY t.tag DESC LIMIT 1) AS last;
    IF v_last IS NULL THEN
        v_last := had_turn_v1(p_tenant, p_type, p_priority, v_now);
    END IF;
    rivals := rivals_v1(p_tenant, p_priority, p_type, false, v_now, greatest(v_last, v_now - 1));
    step := 1 + cardinality(rivals);
    tag := greatest(v_last + step, v_now + step - 1);
END
$$;
DROP FUNCTION fair_tag_v1(text, text, integer);
CREATE FUNCTION fair_tag_v1(p_tenant text, p_type text, p_priority integer) RETURNS bigint LANGUAGE sql STABLE
SET search_path = stepmill, pg_temp AS $$
SELECT tag FROM flow_place_v1(p_tenant, p_type, p_priority)
$$;

-- Those of a flow that come back: each is behind the last of them, or next.
CREATE OR REPLACE FUNCTION return_tag_v1(p_tenant text, p_type text, p_priority integer) RETURNS bigint LANGUAGE plpgsql STABLE
SET search_path = stepmill, pg_temp SET enable_seqscan = off AS $$
DECLARE
    v_last bigint;
    v_now bigint := next_tag_v1(p_type, p_priority);
    v_step bigint;
BEGIN
    SELECT tag INTO v_last FROM procrastinate_jobs
    WHERE status = 'todo' AND ready AND tenant = p_tenant AND priority = p_priority AND queue_name = p_type AND returns
    ORDER BY tag DESC LIMIT 1;
    IF v_last IS NULL THEN
        v_last := had_turn_v1(p_tenant, p_type, p_priority, v_now);
    END IF;
    v_step := 1 + cardinality(rivals_v1(p_tenant, p_priority, p_type, true, v_now, greatest(v_last, v_now - 1)));
    RETURN greatest(v_last + v_step, v_now + v_step - 1);
END
$$;

-- One batch of a tenant after another gets its places; after a while without: the one before it may not end soon.
CREATE FUNCTION await_batches_v1(p_tenants text[]) RETURNS void LANGUAGE plpgsql
SET search_path = stepmill, pg_temp SET lock_timeout = '2s' AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('tickets/' || tenant, 5042)) FROM (SELECT unnest(p_tenants) AS tenant ORDER BY 1) AS each;
EXCEPTION WHEN lock_not_available THEN
    NULL;
END
$$;

-- The tickets of new jobs. Those of one batch take turns by type. Single ones that come at once take places beside one another.
CREATE FUNCTION issue_tickets_v1(p_jobs jobs[], p_now timestamptz) RETURNS void LANGUAGE plpgsql
SET search_path = stepmill, pg_temp SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
    v_place integer := 0;
BEGIN
    IF cardinality(p_jobs) > 1 THEN
        PERFORM await_batches_v1(ARRAY(SELECT DISTINCT tenant_id FROM unnest(p_jobs)));
    ELSE
        WHILE v_place < 32 AND NOT pg_try_advisory_xact_lock(hashtextextended(
            format('ticket/%s/%s/%s', v_place, p_jobs[1].priority, p_jobs[1].tenant_id), 5042))
        LOOP
            v_place := v_place + 1;
        END LOOP;
    END IF;
    WITH made AS MATERIALIZED (
        SELECT j.*, run_at <= p_now AS ready, v_place - 1
            + row_number() OVER (PARTITION BY tenant_id, priority, type, run_at <= p_now ORDER BY created_at) AS place
        FROM unnest(p_jobs) AS j),
    band AS MATERIALIZED ( -- once for each, not once for each job
        SELECT each.*, at.* FROM (
            SELECT tenant_id, priority, type, count(*) AS jobs FROM made WHERE ready GROUP BY tenant_id, priority, type) AS each
        CROSS JOIN LATERAL flow_place_v1(tenant_id, type, priority) AS at),
    flow AS MATERIALIZED (
        SELECT band.*, beside.jobs AS others, beside.first FROM band CROSS JOIN LATERAL (
            SELECT array_agg(other.jobs ORDER BY other.type) AS jobs, array_agg((other.type < band.type)::integer ORDER BY other.type) AS first
            FROM band other
            WHERE other.tenant_id = band.tenant_id AND other.priority = band.priority AND other.type <> band.type
                AND other.type <> ALL (band.rivals) AND served_together_v1(band.type, other.type)) AS beside)
    INSERT INTO procrastinate_jobs (queue_name, task_name, priority, args, scheduled_at, tenant, ready, tag)
    SELECT type, 'stepmill.run', priority, jsonb_build_object('jobId', job_id), CASE WHEN NOT ready THEN run_at END, tenant_id, ready,
        CASE WHEN ready THEN flow.tag + place * flow.step
            + coalesce((SELECT sum(least(made.place + is_first, jobs)) FROM unnest(flow.others, flow.first) AS beside (jobs, is_first)), 0)
        ELSE 0 END
    FROM made LEFT JOIN flow USING (tenant_id, priority, type)
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
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_sort = on AS $$
DECLARE
    v_now timestamptz := clock_timestamp();
    v_due bigint[];
    v_flow jsonb := nullif(current_setting('stepmill.due_flow', true), '')::jsonb;
    v_flows jsonb[];
    v_next text;
    t procrastinate_jobs;
BEGIN
    v_due := ARRAY(SELECT id FROM procrastinate_jobs
        WHERE status = 'todo' AND NOT ready AND scheduled_at <= v_now ORDER BY scheduled_at, id LIMIT 20);
    IF cardinality(v_due) = 20 THEN
        WITH RECURSIVE flow (number, due, tenant, priority, type, returns, is_due) AS (
            SELECT 0, 0, coalesce(v_flow ->> 'tenant', ''), coalesce((v_flow ->> 'priority')::integer, 0),
                coalesce(v_flow ->> 'type', ''), coalesce((v_flow ->> 'returns')::boolean, false), false
            UNION ALL
            SELECT number + 1, due + following.is_due::integer, following.* FROM flow CROSS JOIN LATERAL (
                SELECT later.tenant, later.priority, later.queue_name, later.returns, later.scheduled_at <= v_now AS is_due
                FROM procrastinate_jobs later
                WHERE status = 'todo' AND NOT ready
                    AND (later.tenant, later.priority, later.queue_name, later.returns) > (flow.tenant, flow.priority, flow.type, flow.returns)
                ORDER BY later.tenant, later.priority, later.queue_name, later.returns, later.scheduled_at LIMIT 1) AS following
            WHERE number < 300 AND due < 50)
        SELECT array_agg(to_jsonb(flow) ORDER BY number) FILTER (WHERE is_due), CASE
            WHEN max(number) = 300 OR max(due) = 50 THEN (array_agg(to_jsonb(flow) ORDER BY number DESC))[1]::text ELSE '' END
        INTO v_flows, v_next FROM flow WHERE number > 0;
        PERFORM set_config('stepmill.due_flow', coalesce(v_next, ''), false);
        v_due := v_due || ARRAY(
            SELECT due.id FROM unnest(v_flows) AS flow CROSS JOIN LATERAL (
                SELECT id FROM procrastinate_jobs
                WHERE status = 'todo' AND NOT ready AND tenant = flow ->> 'tenant' AND priority = (flow ->> 'priority')::integer
                    AND queue_name = flow ->> 'type' AND returns = (flow ->> 'returns')::boolean AND scheduled_at <= v_now
                ORDER BY scheduled_at LIMIT greatest(1, 20 / cardinality(v_flows))) AS due);
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

-- A tenant has had its turn up to this ticket, and nothing more waits in its flow. Nobody waits for another one to note it.
CREATE FUNCTION note_turn_v1(t procrastinate_jobs) RETURNS void LANGUAGE plpgsql SET search_path = stepmill, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
    v_clock bigint := t.tag + clock_behind_v1(t.queue_name, t.priority);
BEGIN
    UPDATE queue_tenants SET clock = v_clock, at = t.taken_at WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM queue_tenants WHERE tenant_id = t.tenant AND priority = t.priority AND type = t.queue_name FOR UPDATE SKIP LOCKED));
    IF NOT FOUND
        AND NOT EXISTS (SELECT FROM queue_tenants WHERE tenant_id = t.tenant AND priority = t.priority AND type = t.queue_name)
        AND pg_try_advisory_xact_lock(hashtextextended(format('turn/%s/%s/%s', t.tenant, t.queue_name, t.priority), 5042))
    THEN
        INSERT INTO queue_tenants (tenant_id, priority, type, clock, at) VALUES (t.tenant, t.priority, t.queue_name, v_clock, t.taken_at)
        ON CONFLICT DO NOTHING;
    END IF;
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
    IF v_clock IS NULL OR p_tag >= v_clock
        OR EXISTS (SELECT FROM queue_served WHERE type = p_type AND priority = p_priority AND tag >= v_clock)
    THEN
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
    -- Who had the lock before may just have done it.
    SELECT max(tag + clock_behind_v1(type, priority)) INTO v_clock FROM queue_served WHERE priority = p_priority AND type = ANY (p_types);
    v_clock := v_clock - clock_behind_v1(p_type, p_priority);
    IF v_next + 4 >= v_clock THEN
        RETURN true;
    END IF;
    INSERT INTO queue_clocks AS c (type, priority, behind) VALUES (p_type, p_priority, v_clock - v_next)
    ON CONFLICT (type, priority) DO UPDATE SET behind = c.behind + v_clock - v_next;
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
    v_mark text;
    found_jobs procrastinate_jobs;
BEGIN
    -- Once for all tickets that are claimed together. The time is that of the statement, so that an index finds what is due.
    IF current_setting('stepmill.looked_at', true) IS DISTINCT FROM statement_timestamp()::text THEN
        v_mark := set_config('stepmill.looked_at', statement_timestamp()::text, false);
        IF EXISTS (SELECT FROM procrastinate_jobs WHERE status = 'todo' AND NOT ready AND scheduled_at <= statement_timestamp()) THEN
            PERFORM ready_tickets_v1();
        END IF;
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
            IF NOT EXISTS (SELECT FROM procrastinate_jobs WHERE status = 'todo' AND ready AND tenant = found_jobs.tenant
                AND priority = found_jobs.priority AND queue_name = v_type AND returns = found_jobs.returns)
            THEN
                PERFORM note_turn_v1(found_jobs);
            END IF;
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
            UPDATE queue_served SET tag = greatest(tag, found_jobs.tag), at = found_jobs.taken_at WHERE ctid = ANY (ARRAY(
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
CREATE TRIGGER guard_identity BEFORE UPDATE OF load_id, job_id, tenant_id ON load_targets FOR EACH ROW EXECUTE FUNCTION guard_identity();
CREATE TRIGGER guard_chunk BEFORE INSERT OR UPDATE ON load_chunks FOR EACH ROW EXECUTE FUNCTION guard_chunk();

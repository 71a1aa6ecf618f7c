-- Tickets in a fair order: by priority, then by a start-time fair-queueing tag, so that a tenant with ten thousand waiting
-- jobs is not in the way of one with ten. A claim looks at the first ticket of each type that the worker serves, however
-- many are behind it, and at none that is not due yet.
--
-- A flow is a tenant's tickets of one type and priority. A ticket's tag is one more than the last of its flow, or that of
-- the ticket which is served next, whichever is more. So all of it is in the tickets that wait: there is no clock to keep.

ALTER TABLE procrastinate_jobs
    ADD COLUMN tenant text NOT NULL DEFAULT '',
    ADD COLUMN tag bigint NOT NULL DEFAULT 0,
    ADD COLUMN ready boolean NOT NULL DEFAULT true; -- false: set for later
UPDATE procrastinate_jobs SET ready = false WHERE scheduled_at > clock_timestamp();

-- Tickets have no lock of the queue's own, and nobody reads its log of them.
DROP INDEX procrastinate_jobs_queue_name_idx_v1, procrastinate_jobs_id_lock_idx_v1, procrastinate_jobs_priority_idx_v1;
DROP TRIGGER procrastinate_trigger_status_events_update_v1 ON procrastinate_jobs;
DROP TRIGGER procrastinate_trigger_status_events_insert_v1 ON procrastinate_jobs;
DROP TRIGGER procrastinate_trigger_scheduled_events_v1 ON procrastinate_jobs;
DROP TRIGGER procrastinate_trigger_delete_jobs_v1 ON procrastinate_jobs;

CREATE INDEX stepmill_tickets_idx ON procrastinate_jobs (queue_name, priority DESC, tag, id) WHERE status = 'todo' AND ready;
CREATE INDEX stepmill_tickets_all_types_idx ON procrastinate_jobs (priority DESC, tag, id) WHERE status = 'todo' AND ready;
CREATE INDEX stepmill_tickets_by_flow_idx ON procrastinate_jobs (tenant, queue_name, priority, tag)
    WHERE status = 'todo' AND ready;
CREATE INDEX stepmill_tickets_doing_idx ON procrastinate_jobs (queue_name) WHERE status = 'doing';
CREATE INDEX stepmill_tickets_later_idx ON procrastinate_jobs (scheduled_at) WHERE status = 'todo' AND NOT ready;

CREATE FUNCTION next_tag_v1(p_type text, p_priority integer) RETURNS bigint LANGUAGE plpgsql STABLE
SET search_path = stepmill, pg_temp AS $$
DECLARE
    v_tag bigint;
BEGIN
    SELECT tag INTO v_tag FROM procrastinate_jobs
    WHERE status = 'todo' AND ready AND queue_name = p_type AND priority = p_priority ORDER BY tag, id LIMIT 1;
    IF NOT FOUND THEN
        SELECT tag INTO v_tag FROM procrastinate_jobs
        WHERE status = 'todo' AND ready AND priority = p_priority ORDER BY tag, id LIMIT 1;
    END IF;
    RETURN coalesce(v_tag, 0);
END
$$;

CREATE FUNCTION fair_tag_v1(p_tenant text, p_type text, p_priority integer) RETURNS bigint LANGUAGE plpgsql STABLE
SET search_path = stepmill, pg_temp AS $$
DECLARE
    v_last bigint;
BEGIN
    SELECT tag INTO v_last FROM procrastinate_jobs
    WHERE status = 'todo' AND ready AND tenant = p_tenant AND queue_name = p_type AND priority = p_priority
    ORDER BY tag DESC LIMIT 1;
    RETURN greatest(v_last + 1, next_tag_v1(p_type, p_priority));
END
$$;

-- A job that has begun already, or whose lock is kept for it, does not stand behind its tenant's new ones: it is served next.
CREATE OR REPLACE FUNCTION issue_ticket_v1(j jobs) RETURNS void LANGUAGE plpgsql SET search_path = stepmill, pg_temp AS $$
DECLARE
    v_ready boolean := j.run_at <= clock_timestamp();
BEGIN
    INSERT INTO procrastinate_jobs (queue_name, task_name, priority, args, scheduled_at, tenant, ready, tag)
    VALUES (j.type, 'stepmill.run', j.priority, jsonb_build_object('jobId', j.job_id),
        CASE WHEN NOT v_ready THEN j.run_at END, j.tenant_id, v_ready, CASE
            WHEN NOT v_ready THEN 0
            WHEN j.attempt > 0 OR (j.lock_key IS NOT NULL AND EXISTS (SELECT FROM job_locks WHERE job_id = j.job_id))
                THEN next_tag_v1(j.type, j.priority)
            ELSE fair_tag_v1(j.tenant_id, j.type, j.priority) END);
END
$$;

-- Tickets whose time has come take their place in the order.
CREATE FUNCTION ready_tickets_v1() RETURNS void LANGUAGE plpgsql SET search_path = stepmill, pg_temp AS $$
DECLARE
    t procrastinate_jobs;
BEGIN
    FOR t IN
        SELECT * FROM procrastinate_jobs WHERE status = 'todo' AND NOT ready AND scheduled_at <= clock_timestamp()
        ORDER BY scheduled_at, id LIMIT 100 FOR UPDATE SKIP LOCKED
    LOOP
        UPDATE procrastinate_jobs SET ready = true, tag = fair_tag_v1(t.tenant, t.queue_name, t.priority) WHERE id = t.id;
    END LOOP;
END
$$;

-- The queue's own claim, in our order, and without the types that are at their limit, as the session's
-- `stepmill.type_limits` has them. The first tickets of the types are looked at without locks, then the best is taken; where
-- others take all of a type's first, the next type is looked at.
CREATE OR REPLACE FUNCTION procrastinate_fetch_job_v2(target_queue_names character varying[], p_worker_id bigint)
RETURNS procrastinate_jobs LANGUAGE plpgsql SET search_path = stepmill, pg_temp SET enable_sort = off AS $$
DECLARE
    v_limits jsonb := nullif(current_setting('stepmill.type_limits', true), '')::jsonb;
    v_types text[] := target_queue_names;
    v_type text;
    found_jobs procrastinate_jobs;
BEGIN
    PERFORM ready_tickets_v1();
    IF v_types IS NULL THEN
        SELECT array_agg(DISTINCT queue_name) INTO v_types FROM procrastinate_jobs WHERE status = 'todo' AND ready;
    END IF;
    LOOP
        SELECT wanted INTO v_type FROM unnest(v_types) AS wanted CROSS JOIN LATERAL (
            SELECT priority, tag, id FROM procrastinate_jobs
            WHERE status = 'todo' AND ready AND queue_name = wanted ORDER BY priority DESC, tag, id LIMIT 1) AS first
        ORDER BY first.priority DESC, first.tag, first.id LIMIT 1;
        IF NOT FOUND THEN
            RETURN NULL;
        END IF;
        IF v_limits ? v_type THEN
            -- One claim at a time, so that no two take the last place. A ticket is 'doing' until its job leaves the worker.
            PERFORM pg_advisory_xact_lock(hashtextextended('type/' || v_type, 5042));
        END IF;
        IF v_limits ? v_type AND (v_limits ->> v_type)::integer
            <= (SELECT count(*) FROM procrastinate_jobs WHERE status = 'doing' AND queue_name = v_type)
        THEN
            v_types := array_remove(v_types, v_type);
            CONTINUE;
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

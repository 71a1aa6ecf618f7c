-- A thousand jobs are submitted by five statements instead of five thousand, and told to the workers once.

CREATE FUNCTION notify_tickets_v1() RETURNS trigger LANGUAGE plpgsql SET search_path = stepmill, pg_temp AS $$
DECLARE
    t record;
BEGIN
    FOR t IN SELECT queue_name, max(id) AS id FROM made WHERE status = 'todo' GROUP BY queue_name LOOP
        PERFORM pg_notify('procrastinate_queue_v1#' || t.queue_name, json_build_object('type', 'job_inserted', 'job_id', t.id)::text);
    END LOOP;
    RETURN NULL;
END
$$;
DROP TRIGGER procrastinate_jobs_notify_queue_job_inserted_v1 ON procrastinate_jobs;
CREATE TRIGGER notify_tickets AFTER INSERT ON procrastinate_jobs REFERENCING NEW TABLE AS made
    FOR EACH STATEMENT EXECUTE FUNCTION notify_tickets_v1();

-- Who submitted a job, as a W3C trace context.
ALTER TABLE jobs ADD COLUMN trace_context jsonb;

-- Submit jobs: [{jobId, tenantId, envId, type, params, steps: [{name, always}], ...}].
CREATE FUNCTION submit_batch_v1(p_jobs jsonb[]) RETURNS void LANGUAGE plpgsql SET search_path = stepmill, pg_temp AS $$
DECLARE
    v_now timestamptz := clock_timestamp();
BEGIN
    INSERT INTO jobs (job_id, tenant_id, env_id, type, params, max_attempts, priority, timeout_seconds,
        lock_key, lock_from, lock_to, result_step, created_by, created_at, run_at, trace_context)
    SELECT p ->> 'jobId', p ->> 'tenantId', p ->> 'envId', p ->> 'type', p -> 'params', (p ->> 'maxAttempts')::integer,
        (p ->> 'priority')::integer, (p ->> 'timeoutSeconds')::double precision, p ->> 'lockKey',
        (p ->> 'lockFrom')::smallint, (p ->> 'lockTo')::smallint, (p ->> 'resultStep')::smallint, p ->> 'createdBy',
        v_now + (n - 1) * interval '1 microsecond', -- so that a list has them in their order
        greatest((p ->> 'runAt')::timestamptz, v_now), nullif(p -> 'traceContext', 'null')
    FROM unnest(p_jobs) WITH ORDINALITY AS given (p, n);
    INSERT INTO job_steps (job_id, idx, name, always, tenant_id)
    SELECT p ->> 'jobId', s.ordinality - 1, s.value ->> 'name', (s.value ->> 'always')::boolean, p ->> 'tenantId'
    FROM unnest(p_jobs) AS p, jsonb_array_elements(p -> 'steps') WITH ORDINALITY AS s;
    INSERT INTO job_event_counters (job_id, last_seq, tenant_id)
    SELECT p ->> 'jobId', 1, p ->> 'tenantId' FROM unnest(p_jobs) AS p;
    INSERT INTO job_events (job_id, seq, kind, data, at, tenant_id, env_id)
    SELECT j.job_id, 1, 'status', (status_event_v1(j, 'submitted') -> 'data') || jsonb_build_object('at', rfc3339(v_now)), v_now,
        j.tenant_id, j.env_id
    FROM unnest(p_jobs) AS p JOIN jobs j ON j.job_id = p ->> 'jobId';
    INSERT INTO procrastinate_jobs (queue_name, task_name, priority, args, scheduled_at, tenant, ready, tag)
    SELECT type, 'stepmill.run', priority, jsonb_build_object('jobId', job_id), CASE WHEN NOT ready THEN run_at END, tenant_id, ready,
        CASE WHEN ready THEN flow.tag + row_number() OVER (PARTITION BY tenant_id, type, priority, ready ORDER BY n) - 1 ELSE 0 END
    FROM (
        SELECT j.*, n, j.run_at <= v_now AS ready FROM unnest(p_jobs) WITH ORDINALITY AS given (p, n)
            JOIN jobs j ON j.job_id = p ->> 'jobId') AS made
        JOIN (
            SELECT tenant_id, type, priority, fair_tag_v1(tenant_id, type, priority) AS tag FROM (
                SELECT DISTINCT p ->> 'tenantId' AS tenant_id, p ->> 'type' AS type, (p ->> 'priority')::integer AS priority
                FROM unnest(p_jobs) AS p) AS flows) AS flow USING (tenant_id, type, priority)
    ORDER BY n;
END
$$;
CREATE OR REPLACE FUNCTION submit_v1(p jsonb) RETURNS void LANGUAGE plpgsql SET search_path = stepmill, pg_temp AS $$
BEGIN
    PERFORM submit_batch_v1(ARRAY[p]);
END
$$;

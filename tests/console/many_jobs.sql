-- Jobs in every status, with their steps, attempts and first events, and the worker that seems to run some of them.
-- Of 20 jobs 13 are DONE for good. The others move: from PENDING to RUNNING to ERROR to PENDING.

INSERT INTO workers (worker_id, host, pid, version, types, running_jobs, memory_bytes, concurrency, last_seen_at)
VALUES (%(worker)s, 'elsewhere', 1, '0.1.0', '{FILE_ETL}', 0, 250000000, 4, clock_timestamp() + interval '1 day')
ON CONFLICT DO NOTHING;

INSERT INTO jobs (job_id, tenant_id, env_id, type, params, status, result, error, attempt, max_attempts, result_step,
                  created_by, created_at, run_at, started_at, finished_at)
SELECT id, 'local', %(env)s::text, 'FILE_ETL',
       %(params)s::jsonb || jsonb_build_object('envId', %(env)s::text, 'tenantId', 'local'),
       status,
       CASE status WHEN 'DONE' THEN jsonb_build_object('physId', 'table_' || n %% 7, 'logicalName', 'Table ' || n %% 7,
           'loadId', 'load_' || n, 'planVersion', 1, 'rowsRead', n * 10, 'rowsLoaded', n * 9, 'rowsRejected', n,
           'rowsFiltered', 0, 'rowsDeduplicated', 0, 'bytesRead', n * 1000) END,
       CASE status WHEN 'ERROR' THEN %(error)s::jsonb WHEN 'CANCELLED' THEN jsonb_build_object(
           'code', 'cancelled', 'message', 'The job was cancelled.', 'retryable', false) END,
       (status <> 'PENDING')::integer, 5, 2, %(creator)s, at,
       CASE status WHEN 'PENDING' THEN clock_timestamp() + interval '1 day' ELSE at END,
       CASE WHEN status <> 'PENDING' THEN at + interval '2 s' END,
       CASE WHEN status NOT IN ('PENDING', 'RUNNING') THEN at + make_interval(secs => 3 + n %% 50) END
FROM (SELECT id, n, clock_timestamp() - n * interval '7 s' AS at,
             (ARRAY['PENDING', 'RUNNING', 'PENDING', 'RUNNING', 'ERROR', 'ERROR', 'CANCELLED'])[n %% 20 + 1] AS moving
      FROM unnest(%(ids)s::text[]) WITH ORDINALITY AS given (id, n)) AS each,
     LATERAL (SELECT coalesce(moving, 'DONE') AS status) AS chosen;

INSERT INTO job_steps (job_id, idx, name, status, attempt, started_at, finished_at, progress, error, tenant_id)
SELECT job_id, idx, name, step, CASE WHEN step <> 'PENDING' THEN 1 END,
       CASE WHEN step <> 'PENDING' THEN started_at + idx * interval '1 s' END,
       CASE WHEN step IN ('DONE', 'ERROR') THEN started_at + (idx + 1) * interval '1 s' END,
       CASE step WHEN 'RUNNING' THEN '{"done": 1250, "total": 5000, "unit": "rows", "message": null}'::jsonb END,
       CASE step WHEN 'ERROR' THEN error END, tenant_id
FROM jobs, (VALUES (0, 'Extract'), (1, 'Transform'), (2, 'Load')) AS named (idx, name),
     LATERAL (SELECT CASE WHEN status = 'DONE' OR (status <> 'PENDING' AND idx = 0) THEN 'DONE'
                          WHEN status IN ('RUNNING', 'ERROR') AND idx = 1 THEN status
                          WHEN status = 'CANCELLED' AND idx = 1 THEN 'ERROR' ELSE 'PENDING' END AS step) AS chosen
WHERE job_id = ANY(%(ids)s);

INSERT INTO job_attempts (job_id, attempt, worker_id, started_at, ended_at, outcome, tenant_id)
SELECT job_id, 1, %(worker)s, started_at, finished_at,
       CASE WHEN finished_at IS NOT NULL THEN lower(status) END, tenant_id
FROM jobs WHERE job_id = ANY(%(ids)s) AND attempt = 1;

INSERT INTO job_event_counters (job_id, last_seq, tenant_id)
SELECT job_id, 1, tenant_id FROM jobs WHERE job_id = ANY(%(ids)s);

INSERT INTO job_events (job_id, seq, kind, data, at, feed_id, tenant_id, env_id)
SELECT job_id, 1, 'status',
       (status_event_v1(j, 'submitted') -> 'data')
           || jsonb_build_object('status', 'PENDING', 'at', rfc3339(created_at)),
       created_at, nextval('job_feed_seq'), tenant_id, env_id
FROM jobs j WHERE job_id = ANY(%(ids)s);

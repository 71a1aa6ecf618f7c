-- What has finished goes back in time, one job after the other over the last 55 minutes.

CREATE TEMPORARY TABLE ages ON COMMIT DROP AS
SELECT job_id, row_number() OVER (ORDER BY created_at DESC) * interval '55 min' / count(*) OVER () AS age
FROM jobs WHERE finished_at IS NOT NULL AND started_at IS NOT NULL;
UPDATE jobs j SET created_at = created_at - age, run_at = run_at - age, started_at = started_at - age,
    finished_at = finished_at - age
FROM ages a WHERE a.job_id = j.job_id;
UPDATE job_steps s SET started_at = started_at - age, finished_at = finished_at - age
FROM ages a WHERE a.job_id = s.job_id;
UPDATE job_attempts t SET started_at = started_at - age, ended_at = ended_at - age
FROM ages a WHERE a.job_id = t.job_id;
UPDATE job_events e SET at = at - age, data = data || jsonb_strip_nulls(jsonb_build_object('at', rfc3339(at - age),
    'startedAt', rfc3339((data ->> 'startedAt')::timestamptz - age),
    'finishedAt', rfc3339((data ->> 'finishedAt')::timestamptz - age)))
FROM ages a WHERE a.job_id = e.job_id;
UPDATE load_ledger l SET started_at = started_at - age, finished_at = finished_at - age
FROM ages a WHERE a.job_id = l.job_id;

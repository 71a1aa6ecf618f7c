-- For the sweeper: tickets for due jobs that have none. New here: such a job had one, which was lost, and with it its place: so it
-- is served with those that come back, before its tenant's new ones.
CREATE OR REPLACE FUNCTION issue_missing_tickets_v1(p_after text, p_limit integer) RETURNS text LANGUAGE plpgsql
SET search_path = stepmill, pg_temp AS $$
DECLARE
    j jobs;
    v_last text;
    v_seen integer := 0;
BEGIN
    FOR j IN
        SELECT * FROM jobs WHERE (status = 'PENDING' OR parked) AND waiting_lock IS NULL AND job_id > p_after
            AND waiting ->> 'code' IS DISTINCT FROM 'limit' AND run_at < clock_timestamp() - interval '1 second'
        ORDER BY job_id LIMIT p_limit
    LOOP
        v_last := j.job_id;
        v_seen := v_seen + 1;
        IF NOT EXISTS (SELECT FROM procrastinate_jobs t WHERE t.args ->> 'jobId' = j.job_id AND t.status IN ('todo', 'doing')) THEN
            PERFORM issue_ticket_v1(j, true);
        END IF;
    END LOOP;
    RETURN CASE WHEN v_seen = p_limit THEN v_last ELSE '' END;
END
$$;

-- What the database refused of moves, it now refuses of plain inserts and deletes as well; and tickets that nobody uses go.

-- A job is at rest, or waits, without an attempt: so that ends first, here and in `requeue_v1`.

CREATE OR REPLACE FUNCTION finalize_v1(p_job text, p_events jsonb) RETURNS jobs LANGUAGE plpgsql
SET search_path = stepmill, pg_temp AS $$
DECLARE
    j jobs;
    v_attempt integer;
    v_status text;
BEGIN
    SELECT attempt, coalesce(ending ->> 'status', 'DONE') INTO v_attempt, v_status FROM jobs WHERE job_id = p_job;
    PERFORM end_attempt_v1(p_job, v_attempt, lower(v_status));
    UPDATE jobs SET status = coalesce(ending ->> 'status', 'DONE'), error = nullif(ending -> 'error', 'null'), ending = NULL,
        waiting = NULL, waiting_lock = NULL, parked = false, finished_at = clock_timestamp(),
        result = CASE WHEN ending IS NULL THEN
            (SELECT output FROM job_steps s WHERE s.job_id = p_job AND s.idx = jobs.result_step) END
    WHERE job_id = p_job RETURNING * INTO j;
    IF j.lock_key IS NOT NULL THEN
        PERFORM release_lock_v1(p_job, j.lock_key);
    END IF;
    PERFORM emit_v1(j.job_id, j.tenant_id, j.env_id, p_events || jsonb_build_array(status_event_v1(j),
        jsonb_build_object('kind', 'end', 'data', jsonb_build_object('status', j.status, 'result', j.result, 'error', j.error))));
    DELETE FROM procrastinate_jobs WHERE args ->> 'jobId' = p_job AND status = 'doing';
    RETURN j;
END
$$;

-- Jobs. The guard looks at every change, so that what is at rest stays as it is. An open attempt is the one that the job's
-- row has: looked up by its number it is found at once, not among all that were open since the last vacuum.
CREATE OR REPLACE FUNCTION guard_job_move() RETURNS trigger LANGUAGE plpgsql SET search_path = stepmill, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        RAISE EXCEPTION 'A job begins PENDING, with a priority from -100 to 100, at least one attempt to go and none made.'
            USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.attempt <> OLD.attempt AND (NEW.attempt <> OLD.attempt + 1 OR NEW.status <> 'RUNNING'
        OR EXISTS (SELECT FROM job_attempts WHERE job_id = NEW.job_id AND attempt = OLD.attempt AND ended_at IS NULL))
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
    IF OLD.status = 'RUNNING' AND current_setting('transaction_isolation') <> 'read committed' THEN
        -- What is seen below may be older than what others have committed: then this fails.
        PERFORM FROM job_steps WHERE job_id = NEW.job_id FOR SHARE;
    END IF;
    IF OLD.status = 'RUNNING' AND (
        EXISTS (SELECT FROM job_steps WHERE job_id = NEW.job_id
            AND CASE NEW.status WHEN 'DONE' THEN status <> 'DONE' ELSE status = 'RUNNING' END)
        OR EXISTS (SELECT FROM job_attempts WHERE job_id = NEW.job_id AND attempt = NEW.attempt AND ended_at IS NULL))
    THEN
        RAISE EXCEPTION 'A job can''t be % while its steps are not, or while an attempt of it is open.', NEW.status
            USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.finished_at IS NULL AND NEW.status IN ('DONE', 'ERROR', 'CANCELLED') THEN
        RAISE EXCEPTION 'A job that is % has ended some time.', NEW.status USING ERRCODE = 'check_violation';
    END IF;
    -- A user's retry: what was wrong is taken back with it.
    IF OLD.status IN ('ERROR', 'CANCELLED') AND (NEW.finished_at IS NOT NULL OR NEW.error IS NOT NULL
        OR EXISTS (SELECT FROM job_steps WHERE job_id = NEW.job_id AND status = 'ERROR'))
    THEN
        RAISE EXCEPTION 'A job is PENDING again without its error and its end.' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
DROP TRIGGER guard_job_move ON jobs;
CREATE TRIGGER guard_job_move BEFORE UPDATE ON jobs FOR EACH ROW EXECUTE FUNCTION guard_job_move();
DROP TRIGGER guard_job_insert ON jobs;
CREATE TRIGGER guard_job_insert BEFORE INSERT ON jobs FOR EACH ROW
    WHEN (NEW.status <> 'PENDING' OR NEW.max_attempts < 1 OR NEW.priority NOT BETWEEN -100 AND 100 OR NEW.attempt <> 0
        OR NEW.parked OR NEW.finished_at IS NOT NULL)
    EXECUTE FUNCTION guard_job_move();

-- Steps.
CREATE OR REPLACE FUNCTION guard_step_move() RETURNS trigger LANGUAGE plpgsql SET search_path = stepmill, pg_temp AS $$
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
            -- One look for what nearly always is so. The attempt stays the current one until the transaction's end.
            PERFORM 1 FROM job_attempts
            WHERE job_id = NEW.job_id AND attempt = NEW.attempt AND ended_at IS NULL AND revoked_at IS NULL
                AND CASE NEW.status WHEN 'DONE' THEN NEW.attempt = OLD.attempt ELSE NOT EXISTS (SELECT FROM job_steps
                    WHERE job_id = NEW.job_id AND (status = 'RUNNING' OR (idx < NEW.idx AND status <> 'DONE'))) END
            FOR SHARE;
            IF FOUND THEN
                RETURN NEW;
            END IF;
            PERFORM 1 FROM job_attempts
            WHERE job_id = NEW.job_id AND attempt = NEW.attempt AND ended_at IS NULL AND revoked_at IS NULL FOR SHARE;
            IF NOT FOUND OR NEW.status = 'DONE' THEN
                PERFORM refuse_attempt_v1(NEW.job_id, NEW.attempt);
            END IF;
            -- An always-step runs whatever came before, once the job is to end: after the always-steps before it.
            IF NEW.always AND EXISTS (SELECT FROM jobs WHERE job_id = NEW.job_id AND ending IS NOT NULL)
                AND NOT EXISTS (SELECT FROM job_steps WHERE job_id = NEW.job_id
                    AND (status = 'RUNNING' OR (idx < NEW.idx AND always AND status = 'PENDING')))
            THEN
                RETURN NEW;
            END IF;
            RAISE EXCEPTION 'Step % of job % can''t run before the steps before it are DONE.', NEW.idx, NEW.job_id
                USING ERRCODE = 'check_violation';
        -- A user's retry takes steps back, and with them the job, which is at rest until then.
        ELSIF OLD.status IN ('DONE', 'ERROR') AND NEW.status = 'PENDING'
            AND current_setting('stepmill.retried_job', true) = NEW.job_id
            AND EXISTS (SELECT FROM jobs WHERE job_id = NEW.job_id AND status IN ('ERROR', 'CANCELLED'))
        THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'A step can''t go from % to %.', CASE TG_OP WHEN 'UPDATE' THEN OLD.status ELSE 'nothing' END, NEW.status
        USING ERRCODE = 'check_violation';
END
$$;
DROP TRIGGER guard_step_move ON job_steps;
CREATE TRIGGER guard_step_move BEFORE UPDATE ON job_steps FOR EACH ROW EXECUTE FUNCTION guard_step_move();

-- A job has its steps before its first event, and no others later. The owner looks: a tenant does not see others' jobs.
CREATE POLICY owner_looks ON jobs FOR SELECT TO stepmill_owner USING (true);
CREATE POLICY owner_looks ON job_event_counters FOR SELECT TO stepmill_owner USING (true);
CREATE POLICY owner_holds ON job_attempts FOR UPDATE TO stepmill_owner USING (true);
CREATE FUNCTION guard_new_steps() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = stepmill, pg_temp
SET enable_hashjoin = off SET enable_mergejoin = off -- each job is looked up, whatever the tables were like when this was planned
AS $$
BEGIN
    IF EXISTS (SELECT FROM (SELECT DISTINCT job_id, tenant_id FROM made) AS s
        LEFT JOIN jobs j USING (job_id) LEFT JOIN job_event_counters c USING (job_id)
        WHERE c.job_id IS NOT NULL OR j.tenant_id IS DISTINCT FROM s.tenant_id)
    THEN
        RAISE EXCEPTION 'A job gets no steps after its submission, and none of another tenant.' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER guard_new_steps AFTER INSERT ON job_steps REFERENCING NEW TABLE AS made
    FOR EACH STATEMENT EXECUTE FUNCTION guard_new_steps();

-- A job can have its own lock only.
CREATE FUNCTION guard_lock() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = stepmill, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM jobs WHERE job_id = NEW.job_id AND lock_key = NEW.key AND tenant_id = NEW.tenant_id) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'The lock % is not one of job %.', NEW.key, NEW.job_id USING ERRCODE = 'check_violation';
END
$$;
CREATE TRIGGER guard_lock BEFORE INSERT OR UPDATE ON job_locks FOR EACH ROW EXECUTE FUNCTION guard_lock();

-- Attempts: one is open at most, the one that the job's row has. The indexes of the open ones ask for `outcome`, so that who
-- looks up one attempt by `ended_at` is never led through them: until a vacuum they have an entry for each that was open.
DROP INDEX job_attempts_current_idx, job_attempts_of_tenant_idx;
CREATE INDEX job_attempts_current_idx ON job_attempts (worker_id) WHERE outcome IS NULL;
CREATE INDEX job_attempts_of_tenant_idx ON job_attempts (tenant_id) WHERE outcome IS NULL;
CREATE OR REPLACE FUNCTION guard_attempt() RETURNS trigger LANGUAGE plpgsql SET search_path = stepmill, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        -- No lock is needed: a job that others see RUNNING has its attempt already, and no two have the same number.
        IF NEW.ended_at IS NULL AND NEW.outcome IS NULL AND NEW.revoked_at IS NULL AND EXISTS (SELECT FROM jobs
            WHERE job_id = NEW.job_id AND attempt = NEW.attempt AND status = 'RUNNING' AND NOT parked)
        THEN
            RETURN NEW;
        END IF;
        PERFORM refuse_attempt_v1(NEW.job_id, NEW.attempt);
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
CREATE TRIGGER guard_new_attempt BEFORE INSERT ON job_attempts FOR EACH ROW EXECUTE FUNCTION guard_attempt();

-- A RUNNING job has an attempt or is parked, by the end of each transaction: without either, nobody would run it or rescue it.
CREATE FUNCTION guard_running() RETURNS trigger LANGUAGE plpgsql SET search_path = stepmill, pg_temp AS $$
DECLARE
    v_attempt integer;
    v_status text;
    v_parked boolean;
BEGIN
    IF TG_ARGV[0] = 'job' THEN -- an attempt's row has no such fields
        IF NEW.status <> 'RUNNING' THEN
            RETURN NULL;
        END IF;
        SELECT status, parked, attempt INTO v_status, v_parked, v_attempt FROM jobs WHERE job_id = NEW.job_id;
    ELSE -- whoever changed the job itself holds its row already
        SELECT status, parked, attempt INTO v_status, v_parked, v_attempt FROM jobs WHERE job_id = NEW.job_id FOR SHARE;
    END IF;
    IF v_status = 'RUNNING' AND v_parked = EXISTS (
        SELECT FROM job_attempts WHERE job_id = NEW.job_id AND attempt = v_attempt AND ended_at IS NULL)
    THEN
        RAISE EXCEPTION 'Job % would be %.', NEW.job_id, CASE WHEN v_parked THEN 'parked with an attempt' ELSE 'RUNNING without an attempt' END
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER guard_running AFTER UPDATE OF status, attempt, parked ON jobs DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (current_setting('stepmill.whole_move', true) IS DISTINCT FROM 'on') EXECUTE FUNCTION guard_running('job');
CREATE CONSTRAINT TRIGGER guard_running AFTER UPDATE OF ended_at ON job_attempts DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (current_setting('stepmill.whole_move', true) IS DISTINCT FROM 'on') EXECUTE FUNCTION guard_running('attempt');

-- So steps and attempts are looked up in `jobs` when they come; a foreign key would do the same again for each row. They go
-- with their job, as its events do.
ALTER TABLE job_steps DROP CONSTRAINT job_steps_job_id_fkey;
ALTER TABLE job_attempts DROP CONSTRAINT job_attempts_job_id_fkey;
CREATE OR REPLACE FUNCTION remove_events_v1() RETURNS trigger LANGUAGE plpgsql SET search_path = stepmill, pg_temp AS $$
BEGIN
    DELETE FROM job_events WHERE job_id = OLD.job_id;
    DELETE FROM job_steps WHERE job_id = OLD.job_id;
    DELETE FROM job_attempts WHERE job_id = OLD.job_id;
    RETURN NULL;
END
$$;

-- Events: of the known kinds, of their job's tenant, and none after the last, unless the job was taken up again.
CREATE OR REPLACE FUNCTION guard_event() RETURNS trigger LANGUAGE plpgsql SET search_path = stepmill, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' AND (NEW.kind IN ('status', 'step', 'progress', 'log')
        OR (NEW.kind = 'end' AND NOT is_at_work_v1(NEW.job_id)))
    THEN
        IF NEW.seq > 1 AND EXISTS (SELECT FROM job_events e
            WHERE e.job_id = NEW.job_id AND e.seq = NEW.seq - 1 AND e.tenant_id = NEW.tenant_id AND e.env_id = NEW.env_id
                AND (e.kind <> 'end' OR is_at_work_v1(NEW.job_id)))
            AND EXISTS (SELECT FROM job_event_counters WHERE job_id = NEW.job_id AND last_seq >= NEW.seq)
        THEN
            RETURN NEW;
        END IF;
        -- The first, or the first after those that were pruned.
        IF EXISTS (SELECT FROM job_event_counters
                WHERE job_id = NEW.job_id AND pruned_to = NEW.seq - 1 AND tenant_id = NEW.tenant_id)
            -- Not by `=`: on tables that were small when this was planned, the tenant's index would be walked.
            AND EXISTS (SELECT FROM jobs WHERE job_id = NEW.job_id AND tenant_id IS NOT DISTINCT FROM NEW.tenant_id
                AND env_id IS NOT DISTINCT FROM NEW.env_id AND status IN ('PENDING', 'RUNNING'))
        THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'Event % of job % is out of its order.', NEW.seq, NEW.job_id USING ERRCODE = 'check_violation';
END
$$;
CREATE FUNCTION is_at_work_v1(p_job text) RETURNS boolean LANGUAGE plpgsql STABLE SET search_path = stepmill, pg_temp AS $$
BEGIN
    RETURN EXISTS (SELECT FROM jobs WHERE job_id = p_job AND status IN ('PENDING', 'RUNNING'));
END
$$;
DROP TRIGGER guard_event_insert ON job_events;
CREATE TRIGGER guard_event_insert BEFORE INSERT ON job_events
    FOR EACH ROW WHEN (current_setting('stepmill.whole_move', true) IS DISTINCT FROM 'on') EXECUTE FUNCTION guard_event();
DROP TRIGGER guard_event_update ON job_events;
CREATE TRIGGER guard_event_update BEFORE UPDATE OF job_id, seq, kind, data, at, tenant_id, env_id ON job_events
    FOR EACH ROW EXECUTE FUNCTION guard_event();
CREATE TRIGGER guard_event_stamp BEFORE UPDATE OF feed_id ON job_events
    FOR EACH ROW WHEN (OLD.feed_id IS NOT NULL) EXECUTE FUNCTION guard_event();

-- The counter is the last event's number, by the end of each transaction, or the next event could never come.
CREATE FUNCTION guard_count() RETURNS trigger LANGUAGE plpgsql SET search_path = stepmill, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM job_event_counters c WHERE c.job_id = NEW.job_id AND c.pruned_to < c.last_seq AND NOT EXISTS (
            SELECT FROM job_events e WHERE e.job_id = c.job_id AND e.seq = c.last_seq))
        OR EXISTS (SELECT FROM job_event_counters c JOIN job_events e ON e.job_id = c.job_id AND e.seq = c.last_seq + 1
            WHERE c.job_id = NEW.job_id)
    THEN
        RAISE EXCEPTION 'The last event of job % is not the one that its counter says.', NEW.job_id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER guard_count AFTER UPDATE OF last_seq ON job_event_counters DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (current_setting('stepmill.whole_move', true) IS DISTINCT FROM 'on') EXECUTE FUNCTION guard_count();

-- What a row is about does not change.
CREATE FUNCTION guard_identity() RETURNS trigger LANGUAGE plpgsql SET search_path = stepmill, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'What a row of % is about does not change.', TG_TABLE_NAME USING ERRCODE = 'check_violation';
END
$$;
CREATE TRIGGER guard_identity BEFORE UPDATE OF job_id, tenant_id, env_id, type, params, max_attempts, priority, timeout_seconds,
    lock_key, lock_from, lock_to, result_step, created_by, created_at, trace_context ON jobs
    FOR EACH ROW EXECUTE FUNCTION guard_identity();
CREATE TRIGGER guard_identity BEFORE UPDATE OF job_id, idx, name, always, tenant_id ON job_steps
    FOR EACH ROW EXECUTE FUNCTION guard_identity();
CREATE TRIGGER guard_identity BEFORE UPDATE OF job_id, attempt, worker_id, tenant_id, started_at ON job_attempts
    FOR EACH ROW EXECUTE FUNCTION guard_identity();
CREATE TRIGGER guard_identity BEFORE UPDATE OF job_id, tenant_id ON job_event_counters
    FOR EACH ROW EXECUTE FUNCTION guard_identity();

-- Nothing is removed but a job at rest, with all that belongs to it, and the events of such a job.
CREATE FUNCTION guard_job_removal() RETURNS trigger LANGUAGE plpgsql SET search_path = stepmill, pg_temp AS $$
BEGIN
    IF OLD.status IN ('DONE', 'ERROR', 'CANCELLED') THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'Job % is not at rest, so it can''t be removed. Cancel it first.', OLD.job_id USING ERRCODE = 'check_violation';
END
$$;
CREATE TRIGGER guard_removal BEFORE DELETE ON jobs FOR EACH ROW EXECUTE FUNCTION guard_job_removal();
CREATE FUNCTION guard_removal() RETURNS trigger LANGUAGE plpgsql SET search_path = stepmill, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM jobs WHERE job_id = OLD.job_id) THEN
        RAISE EXCEPTION 'What % has of job % goes with the job only.', TG_TABLE_NAME, OLD.job_id USING ERRCODE = 'check_violation';
    END IF;
    RETURN OLD;
END
$$;
CREATE TRIGGER guard_removal BEFORE DELETE ON job_steps FOR EACH ROW EXECUTE FUNCTION guard_removal();
CREATE TRIGGER guard_removal BEFORE DELETE ON job_attempts FOR EACH ROW EXECUTE FUNCTION guard_removal();
CREATE TRIGGER guard_removal BEFORE DELETE ON job_event_counters FOR EACH ROW EXECUTE FUNCTION guard_removal();
CREATE FUNCTION guard_event_removal() RETURNS trigger LANGUAGE plpgsql SET search_path = stepmill, pg_temp
SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off AS $$
BEGIN
    IF EXISTS (SELECT FROM gone e JOIN jobs USING (job_id) JOIN job_event_counters c USING (job_id) WHERE c.pruned_to < e.seq)
        OR EXISTS (SELECT FROM (SELECT DISTINCT job_id FROM gone) AS g JOIN jobs USING (job_id)
            JOIN job_event_counters c USING (job_id) JOIN job_events e USING (job_id) WHERE e.seq <= c.pruned_to)
    THEN
        RAISE EXCEPTION 'Events go with their job only, or all together.' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER guard_removal AFTER DELETE ON job_events REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION guard_event_removal();
CREATE FUNCTION guard_pruning() RETURNS trigger LANGUAGE plpgsql SET search_path = stepmill, pg_temp AS $$
BEGIN
    IF (NEW.pruned_to, NEW.last_seq) IS DISTINCT FROM (OLD.last_seq, OLD.last_seq) OR is_at_work_v1(NEW.job_id) THEN
        RAISE EXCEPTION 'The events of job % go all together, when it is at rest.', NEW.job_id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE FUNCTION guard_truncation() RETURNS trigger LANGUAGE plpgsql SET search_path = stepmill, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'Rows of % go job by job.', TG_TABLE_NAME USING ERRCODE = 'check_violation';
END
$$;
DO $do$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['jobs', 'job_steps', 'job_attempts', 'job_event_counters', 'job_events'] LOOP
        EXECUTE format('CREATE TRIGGER guard_truncation BEFORE TRUNCATE ON %I EXECUTE FUNCTION guard_truncation()', t);
    END LOOP;
END
$do$;
CREATE TRIGGER guard_pruning BEFORE UPDATE OF pruned_to ON job_event_counters FOR EACH ROW EXECUTE FUNCTION guard_pruning();

-- A load comes into the ledger by the job's current attempt only, not by one that never was.
CREATE OR REPLACE FUNCTION guard_ledger() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = stepmill, pg_temp AS $$
BEGIN
    PERFORM 1 FROM job_attempts
    WHERE job_id = NEW.job_id AND attempt = NEW.attempt AND ended_at IS NULL AND revoked_at IS NULL FOR SHARE;
    IF NOT FOUND THEN
        PERFORM refuse_attempt_v1(NEW.job_id, NEW.attempt);
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER guard_identity BEFORE UPDATE OF load_id, job_id, attempt, tenant_id ON load_ledger
    FOR EACH ROW EXECUTE FUNCTION guard_identity();

-- Pruning of events, which no longer passes over jobs that somebody else is at. Looks at p_limit jobs that finished after p_after and answers {last, left}: when the last of them did
-- (null at the end), and when the first that somebody else was at and that is left for the next time.
CREATE FUNCTION prune_events_v2(p_after timestamptz, p_before timestamptz, p_limit integer) RETURNS jsonb LANGUAGE plpgsql
SET search_path = stepmill, pg_temp AS $$
DECLARE
    v_all text[];
    v_jobs text[];
    v_last timestamptz;
    v_left timestamptz;
BEGIN
    SELECT array_agg(job_id), max(finished_at) INTO v_all, v_last FROM (
        SELECT job_id, finished_at FROM jobs WHERE finished_at > p_after AND finished_at < p_before
            AND status IN ('DONE', 'ERROR', 'CANCELLED')
        ORDER BY finished_at FETCH FIRST p_limit ROWS WITH TIES) AS finished;
    SELECT array_agg(job_id) INTO v_jobs FROM (
        SELECT job_id FROM jobs WHERE job_id = ANY (v_all) AND finished_at < p_before
            AND status IN ('DONE', 'ERROR', 'CANCELLED') FOR UPDATE SKIP LOCKED) AS free;
    SELECT min(finished_at) INTO v_left FROM jobs WHERE job_id = ANY (v_all) AND job_id <> ALL (coalesce(v_jobs, '{}'));
    UPDATE job_event_counters SET pruned_to = last_seq WHERE job_id = ANY (v_jobs) AND pruned_to < last_seq;
    DELETE FROM job_events WHERE job_id = ANY (v_jobs);
    RETURN jsonb_build_object('last', v_last, 'left', v_left);
END
$$;

-- Tickets. When one was taken says from when on its job should have begun; by whom is not needed for anything.
ALTER TABLE procrastinate_jobs DROP CONSTRAINT procrastinate_jobs_worker_id_fkey, ADD COLUMN taken_at timestamptz;

-- For the sweeper: tickets that were taken a while ago and whose job nobody runs. The answer to the claim was lost, the worker
-- died before it began the job, or could not remove the ticket afterwards.
CREATE FUNCTION drop_idle_tickets_v1(p_seconds double precision) RETURNS bigint LANGUAGE sql SET search_path = stepmill, pg_temp AS $$
    WITH gone AS (
        DELETE FROM procrastinate_jobs t
        WHERE t.status = 'doing' AND coalesce(t.taken_at, '-infinity') < clock_timestamp() - make_interval(secs => p_seconds)
            AND NOT EXISTS (SELECT FROM job_attempts a WHERE a.job_id = t.args ->> 'jobId' AND a.ended_at IS NULL)
        RETURNING 1)
    SELECT count(*) FROM gone;
$$;

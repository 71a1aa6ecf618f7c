-- What is not a legal move is refused here, whoever asks for it and with whatever statement: a job that ends while a step
-- runs, a step before its turn, an effect by an attempt that is not the current one, an event out of its order.

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
DROP TRIGGER guard_job_move ON jobs;
CREATE TRIGGER guard_job_move BEFORE UPDATE OF status, attempt ON jobs
    FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status OR OLD.attempt IS DISTINCT FROM NEW.attempt)
    EXECUTE FUNCTION guard_job_move();

CREATE OR REPLACE FUNCTION guard_step_move() RETURNS trigger LANGUAGE plpgsql SET search_path = stepmill, pg_temp AS $$
DECLARE
    v_revoked timestamptz;
BEGIN
    IF TG_OP = 'UPDATE' AND (OLD.status, NEW.status) IN (('RUNNING', 'ERROR'), ('RUNNING', 'PENDING')) THEN
        RETURN NEW;
    END IF;
    IF TG_OP = 'UPDATE' AND (OLD.status, NEW.status) IN (('PENDING', 'RUNNING'), ('RUNNING', 'DONE')) THEN
        SELECT revoked_at INTO v_revoked FROM job_attempts
        WHERE job_id = NEW.job_id AND attempt = NEW.attempt AND ended_at IS NULL;
        IF NOT FOUND OR v_revoked IS NOT NULL THEN
            RAISE EXCEPTION 'Attempt % of job % is no longer the current one.', NEW.attempt, NEW.job_id USING ERRCODE = 'SM001';
        END IF;
        IF NEW.status = 'RUNNING'
            AND EXISTS (SELECT FROM job_steps WHERE job_id = NEW.job_id AND idx < NEW.idx AND status <> 'DONE')
            -- An always-step runs whatever came before, once the job is to end: after the always-steps before it.
            AND (NOT NEW.always
                OR NOT EXISTS (SELECT FROM jobs WHERE job_id = NEW.job_id AND ending IS NOT NULL)
                OR EXISTS (SELECT FROM job_steps WHERE job_id = NEW.job_id AND idx < NEW.idx
                    AND (status = 'RUNNING' OR always AND status = 'PENDING')))
        THEN
            RAISE EXCEPTION 'Step % of job % can''t run before the steps before it are DONE.', NEW.idx, NEW.job_id
                USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END IF;
    -- A user's retry may take a step back, and only while the job is at rest.
    IF TG_OP = 'UPDATE' AND OLD.status IN ('DONE', 'ERROR') AND NEW.status = 'PENDING'
        AND EXISTS (SELECT FROM jobs WHERE job_id = NEW.job_id AND status IN ('ERROR', 'CANCELLED'))
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'A step can''t go from % to %.', CASE TG_OP WHEN 'UPDATE' THEN OLD.status ELSE 'nothing' END, NEW.status
        USING ERRCODE = 'check_violation';
END
$$;

-- An attempt that ended stays ended, and one that was revoked stays revoked.
CREATE FUNCTION guard_attempt() RETURNS trigger LANGUAGE plpgsql SET search_path = stepmill, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'Attempt % of job % has ended, or is being cancelled.', OLD.attempt, OLD.job_id USING ERRCODE = 'SM001';
END
$$;
CREATE TRIGGER guard_attempt BEFORE UPDATE ON job_attempts FOR EACH ROW
    WHEN (OLD.ended_at IS NOT NULL OR (OLD.revoked_at IS NOT NULL AND NEW.revoked_at IS NULL)
        OR OLD.attempt IS DISTINCT FROM NEW.attempt OR OLD.job_id IS DISTINCT FROM NEW.job_id)
    EXECUTE FUNCTION guard_attempt();

-- Events follow one another without a gap and are never changed; only their place in the feed comes later.
-- Up to which number they were pruned, the counter knows.
ALTER TABLE job_event_counters ADD COLUMN pruned_to bigint NOT NULL DEFAULT 0;
CREATE FUNCTION guard_event() RETURNS trigger LANGUAGE plpgsql SET search_path = stepmill, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' AND (
        EXISTS (SELECT FROM job_events WHERE job_id = NEW.job_id AND seq = NEW.seq - 1)
        OR EXISTS (SELECT FROM job_event_counters WHERE job_id = NEW.job_id AND pruned_to = NEW.seq - 1))
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'Event % of job % is out of its order.', NEW.seq, NEW.job_id USING ERRCODE = 'check_violation';
END
$$;
CREATE TRIGGER guard_event_insert BEFORE INSERT ON job_events FOR EACH ROW EXECUTE FUNCTION guard_event();
CREATE TRIGGER guard_event_update BEFORE UPDATE OF job_id, seq, kind, data, at ON job_events
    FOR EACH ROW EXECUTE FUNCTION guard_event();

-- A load comes into the ledger by a current attempt only. Whoever writes there sees no attempts, so the owner looks.
CREATE POLICY owner_looks ON job_attempts FOR SELECT TO stepmill_owner USING (true);
CREATE FUNCTION guard_ledger() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = stepmill, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM job_attempts WHERE job_id = NEW.job_id AND attempt = NEW.attempt
        AND (ended_at IS NOT NULL OR revoked_at IS NOT NULL))
    THEN
        RAISE EXCEPTION 'Attempt % of job % is no longer the current one.', NEW.attempt, NEW.job_id USING ERRCODE = 'SM001';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER guard_ledger BEFORE INSERT ON load_ledger FOR EACH ROW EXECUTE FUNCTION guard_ledger();

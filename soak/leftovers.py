"""Queries that must find nothing once every job is at rest: what a fault could have left behind."""

LEFTOVERS = {
    "locks that nobody gave up": "SELECT key, job_id FROM job_locks",
    "lock documents that do not run out": "SELECT id, data FROM documents WHERE collection = 'soakLocks'"
    " AND (data ->> 'expiresAt')::timestamptz > clock_timestamp() + interval '30 seconds'",
    "attempts that did not end": "SELECT job_id, attempt FROM job_attempts WHERE ended_at IS NULL",
    "tickets": "SELECT id, status FROM procrastinate_jobs",
    "jobs whose events have gaps": "SELECT job_id FROM job_events JOIN job_event_counters c USING (job_id)"
    " GROUP BY job_id, c.last_seq HAVING count(*) <> c.last_seq OR max(seq) <> c.last_seq",
    "loads under way": "SELECT load_id FROM load_targets",
    "rejects of no load": "SELECT DISTINCT load_id FROM load_rejects WHERE load_id NOT IN"
    " (SELECT load_id FROM load_ledger)",
    "tables that nobody knows": "SELECT relname FROM pg_class"
    " WHERE relnamespace = to_regnamespace('stepmill_data_default') AND relkind IN ('r', 'p')"
    " EXCEPT SELECT phys_id || '_g' || generation FROM physical_tables"
    " EXCEPT SELECT table_name FROM retired_tables",
    "backends of jobs": "SELECT application_name, query FROM pg_stat_activity"
    " WHERE application_name LIKE 'stepmill:job%'",
    "transactions that are open": "SELECT application_name, query FROM pg_stat_activity"
    " WHERE xact_start < now() - interval '5 seconds' AND backend_type = 'client backend'",
    "prepared transactions": "SELECT gid FROM pg_prepared_xacts",
}
"""By what is left."""

"""Work of the same weight for a queue without steps: four commits, each of which updates a row and inserts one.

The first says that the job has begun, the others that a step is done.
"""

TABLES = """
CREATE TABLE IF NOT EXISTS bench_plain_jobs (id bigint PRIMARY KEY, step integer NOT NULL, at timestamptz NOT NULL);
CREATE TABLE IF NOT EXISTS bench_plain_events (
    id bigint NOT NULL, step integer NOT NULL, at timestamptz NOT NULL, PRIMARY KEY (id, step)
);
"""
JOBS = "INSERT INTO bench_plain_jobs SELECT n, 0, now() FROM generate_series(0, 9999) AS n"

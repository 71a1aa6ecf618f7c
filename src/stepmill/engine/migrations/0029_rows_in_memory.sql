-- The rows of a small load stay in memory. A target whose rows are in the books instead is made anew.
SET LOCAL ROLE stepmill_engine;
DELETE FROM load_rejects USING load_targets WHERE load_rejects.load_id = load_targets.load_id AND load_targets.is_held;
DELETE FROM load_targets WHERE is_held;
SET LOCAL ROLE stepmill_owner;
DROP TABLE held_rows;
ALTER TABLE load_targets DROP COLUMN is_held;

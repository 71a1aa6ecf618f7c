-- A generation is called by the number of the load that makes it. A counter of the table's own, raised as each load began,
-- had them wait for whichever was just being shown.
ALTER TABLE physical_tables DROP COLUMN last_generation, ALTER COLUMN generation TYPE bigint;
ALTER TABLE load_targets ALTER COLUMN generation TYPE bigint;
ALTER TABLE load_ledger ALTER COLUMN generation TYPE bigint;

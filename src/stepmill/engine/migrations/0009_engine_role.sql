-- The engine's role sees all tenants, so it has the engine's tables only, and of the warehouse's books just what is needed
-- to clear away what jobs left behind.
REVOKE ALL ON environments, documents, document_keys, physical_tables, load_ledger, load_chunks FROM stepmill_engine;
REVOKE INSERT ON load_targets, load_rejects, retired_tables FROM stepmill_engine;
REVOKE ALL ON SEQUENCE load_numbers FROM stepmill_engine;
DROP POLICY engine ON environments;
DROP POLICY engine ON documents;
DROP POLICY engine ON document_keys;
DROP POLICY engine ON physical_tables;
DROP POLICY engine ON load_ledger;
DROP POLICY engine ON load_chunks;

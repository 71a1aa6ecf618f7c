-- The ids come first: an index that gave them in order within a collection was taken for lookups by a field, too, as long
-- as there were no statistics, and read all of the collection's keys.
DROP INDEX document_keys_document_idx;
CREATE INDEX document_keys_document_idx ON document_keys (id, collection, env_id, tenant_id);

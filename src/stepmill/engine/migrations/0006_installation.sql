-- One row for the whole installation. `marker` is also a blob: a process that can't read it there has other storage.
CREATE TABLE installation (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    marker text NOT NULL
);
GRANT SELECT, INSERT ON installation TO stepmill_engine;

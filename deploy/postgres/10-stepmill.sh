#!/bin/sh
# Run once by the database's image, on an empty volume: Stepmill's user, who is no superuser, and its database.
set -eu
psql --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres --set password="$DATABASE_PASSWORD" <<'SQL'
CREATE ROLE stepmill LOGIN CREATEROLE PASSWORD :'password';
CREATE DATABASE stepmill OWNER stepmill;
\connect stepmill
CREATE EXTENSION IF NOT EXISTS timescaledb;
SQL

"""The registry's tables as schema version 1 made them: databases that a later version must bring up to date."""

SQLITE = (
    "CREATE TABLE evergreen_schema (version INTEGER NOT NULL, PRIMARY KEY (version))",
    "CREATE TABLE evergreen_decisions (id VARCHAR(32) NOT NULL, model VARCHAR(63) NOT NULL, as_of DATETIME NOT "
    "NULL, outcome VARCHAR(16) NOT NULL, reasons JSON NOT NULL, challenger_name VARCHAR(64) NOT NULL, "
    "challenger_digest VARCHAR(64) NOT NULL, champion_version VARCHAR(32), champion_digest VARCHAR(64), "
    "holdout_digest VARCHAR(64) NOT NULL, measurement_digest VARCHAR(64) NOT NULL, gate_digest VARCHAR(64) NOT "
    "NULL, measurement_uri TEXT NOT NULL, report_uri TEXT NOT NULL, mlflow_run_id VARCHAR(64) NOT NULL, rows_needed "
    "INTEGER, recorded_at DATETIME NOT NULL, PRIMARY KEY (id))",
    "CREATE INDEX evergreen_decisions_by_model ON evergreen_decisions (model, recorded_at)",
    "CREATE TABLE evergreen_versions (model VARCHAR(63) NOT NULL, version VARCHAR(32) NOT NULL, bundle_uri TEXT NOT "
    "NULL, bundle_digest VARCHAR(64) NOT NULL, decision_id VARCHAR(32) NOT NULL, mlflow_run_id VARCHAR(64) NOT "
    "NULL, trained_through DATETIME NOT NULL, features_source_digest VARCHAR(64) NOT NULL, registered_at DATETIME "
    "NOT NULL, PRIMARY KEY (model, version))",
    "CREATE INDEX evergreen_versions_by_decision ON evergreen_versions (model, decision_id)",
    "CREATE TABLE evergreen_releases (model VARCHAR(63) NOT NULL, generation INTEGER NOT NULL, action VARCHAR(16) "
    "NOT NULL, version VARCHAR(32) NOT NULL, previous_version VARCHAR(32), decision_id VARCHAR(32) NOT NULL, "
    "rollout VARCHAR(32) NOT NULL, reason TEXT NOT NULL, actor VARCHAR(200) NOT NULL, request_id VARCHAR(250), "
    "happened_at DATETIME NOT NULL, PRIMARY KEY (model, generation), CONSTRAINT evergreen_releases_one_per_request "
    "UNIQUE (model, request_id))",
    "CREATE TRIGGER evergreen_decisions_no_update BEFORE UPDATE ON evergreen_decisions BEGIN SELECT RAISE(ABORT, "
    "'evergreen_decisions is append-only'); END",
    "CREATE TRIGGER evergreen_decisions_no_delete BEFORE DELETE ON evergreen_decisions BEGIN SELECT RAISE(ABORT, "
    "'evergreen_decisions is append-only'); END",
    "CREATE TRIGGER evergreen_decisions_no_replace BEFORE INSERT ON evergreen_decisions WHEN EXISTS (SELECT 1 FROM "
    "evergreen_decisions WHERE id = NEW.id) BEGIN SELECT RAISE(ABORT, 'evergreen_decisions is append-only'); END",
    "CREATE TRIGGER evergreen_versions_no_update BEFORE UPDATE ON evergreen_versions BEGIN SELECT RAISE(ABORT, "
    "'evergreen_versions is append-only'); END",
    "CREATE TRIGGER evergreen_versions_no_delete BEFORE DELETE ON evergreen_versions BEGIN SELECT RAISE(ABORT, "
    "'evergreen_versions is append-only'); END",
    "CREATE TRIGGER evergreen_versions_no_replace BEFORE INSERT ON evergreen_versions WHEN EXISTS (SELECT 1 FROM "
    "evergreen_versions WHERE model = NEW.model AND version = NEW.version) BEGIN SELECT RAISE(ABORT, "
    "'evergreen_versions is append-only'); END",
    "CREATE TRIGGER evergreen_releases_no_update BEFORE UPDATE ON evergreen_releases BEGIN SELECT RAISE(ABORT, "
    "'evergreen_releases is append-only'); END",
    "CREATE TRIGGER evergreen_releases_no_delete BEFORE DELETE ON evergreen_releases BEGIN SELECT RAISE(ABORT, "
    "'evergreen_releases is append-only'); END",
    "CREATE TRIGGER evergreen_releases_no_replace BEFORE INSERT ON evergreen_releases WHEN EXISTS (SELECT 1 FROM "
    "evergreen_releases WHERE model = NEW.model AND generation = NEW.generation) BEGIN SELECT RAISE(ABORT, "
    "'evergreen_releases is append-only'); END",
    "INSERT INTO evergreen_schema (version) VALUES (1)",
)
POSTGRESQL = (
    "CREATE TABLE evergreen_schema (version SERIAL NOT NULL, PRIMARY KEY (version))",
    "CREATE TABLE evergreen_decisions (id VARCHAR(32) NOT NULL, model VARCHAR(63) NOT NULL, as_of TIMESTAMP WITH "
    "TIME ZONE NOT NULL, outcome VARCHAR(16) NOT NULL, reasons JSON NOT NULL, challenger_name VARCHAR(64) NOT NULL, "
    "challenger_digest VARCHAR(64) NOT NULL, champion_version VARCHAR(32), champion_digest VARCHAR(64), "
    "holdout_digest VARCHAR(64) NOT NULL, measurement_digest VARCHAR(64) NOT NULL, gate_digest VARCHAR(64) NOT "
    "NULL, measurement_uri TEXT NOT NULL, report_uri TEXT NOT NULL, mlflow_run_id VARCHAR(64) NOT NULL, rows_needed "
    "INTEGER, recorded_at TIMESTAMP WITH TIME ZONE NOT NULL, PRIMARY KEY (id))",
    "CREATE INDEX evergreen_decisions_by_model ON evergreen_decisions (model, recorded_at)",
    "CREATE TABLE evergreen_versions (model VARCHAR(63) NOT NULL, version VARCHAR(32) NOT NULL, bundle_uri TEXT NOT "
    "NULL, bundle_digest VARCHAR(64) NOT NULL, decision_id VARCHAR(32) NOT NULL, mlflow_run_id VARCHAR(64) NOT "
    "NULL, trained_through TIMESTAMP WITH TIME ZONE NOT NULL, features_source_digest VARCHAR(64) NOT NULL, "
    "registered_at TIMESTAMP WITH TIME ZONE NOT NULL, PRIMARY KEY (model, version))",
    "CREATE INDEX evergreen_versions_by_decision ON evergreen_versions (model, decision_id)",
    "CREATE TABLE evergreen_releases (model VARCHAR(63) NOT NULL, generation INTEGER NOT NULL, action VARCHAR(16) "
    "NOT NULL, version VARCHAR(32) NOT NULL, previous_version VARCHAR(32), decision_id VARCHAR(32) NOT NULL, "
    "rollout VARCHAR(32) NOT NULL, reason TEXT NOT NULL, actor VARCHAR(200) NOT NULL, request_id VARCHAR(250), "
    "happened_at TIMESTAMP WITH TIME ZONE NOT NULL, PRIMARY KEY (model, generation), CONSTRAINT "
    "evergreen_releases_one_per_request UNIQUE (model, request_id))",
    "CREATE FUNCTION evergreen_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '% is "
    "append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation'; END $$",
    "CREATE TRIGGER evergreen_decisions_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON evergreen_decisions FOR "
    "EACH STATEMENT EXECUTE FUNCTION evergreen_refuse_change()",
    "CREATE TRIGGER evergreen_versions_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON evergreen_versions FOR "
    "EACH STATEMENT EXECUTE FUNCTION evergreen_refuse_change()",
    "CREATE TRIGGER evergreen_releases_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON evergreen_releases FOR "
    "EACH STATEMENT EXECUTE FUNCTION evergreen_refuse_change()",
    "INSERT INTO evergreen_schema (version) VALUES (1)",
)

BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0001');
CREATE TABLE api_keys (
	id VARCHAR(40) NOT NULL, 
	name VARCHAR(200) NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	site_id VARCHAR(200) NOT NULL, 
	user_id VARCHAR(200), 
	app_id VARCHAR(200), 
	scopes JSON NOT NULL, 
	models JSON NOT NULL, 
	routes JSON NOT NULL, 
	limits JSON NOT NULL, 
	created_at_s DOUBLE NOT NULL, 
	expires_at_s DOUBLE, 
	revoked_at_s DOUBLE, 
	rotated_from VARCHAR(40), 
	root_id VARCHAR(40) NOT NULL, 
	last_used_at_s DOUBLE, 
	CONSTRAINT pk_api_keys PRIMARY KEY (id), 
	CONSTRAINT uq_api_keys_digest UNIQUE (digest)
);
CREATE TABLE audit_log (
	seq INTEGER NOT NULL, 
	id VARCHAR(40) NOT NULL, 
	at_s DOUBLE NOT NULL, 
	site_id VARCHAR(200) NOT NULL, 
	key_id VARCHAR(40) NOT NULL, 
	action VARCHAR(100) NOT NULL, 
	object VARCHAR(300) NOT NULL, 
	detail JSON NOT NULL, 
	prev_hash VARCHAR(64) NOT NULL, 
	hash VARCHAR(64) NOT NULL, 
	CONSTRAINT pk_audit_log PRIMARY KEY (seq), 
	CONSTRAINT uq_audit_log_id UNIQUE (id)
);
CREATE TABLE config_revision (
	id INTEGER NOT NULL, 
	revision BIGINT NOT NULL, 
	CONSTRAINT pk_config_revision PRIMARY KEY (id)
);
INSERT INTO "config_revision" VALUES(1,0);
CREATE TABLE model_aliases (
	name VARCHAR(200) NOT NULL, 
	targets JSON NOT NULL, 
	context_fallbacks JSON NOT NULL, 
	cache_ttl_s DOUBLE, 
	created_at_s DOUBLE NOT NULL, 
	updated_at_s DOUBLE NOT NULL, 
	CONSTRAINT pk_model_aliases PRIMARY KEY (name)
);
CREATE TABLE model_footprints (
	target VARCHAR(300) NOT NULL, 
	footprint_mib INTEGER NOT NULL, 
	measured_at_s DOUBLE NOT NULL, 
	CONSTRAINT pk_model_footprints PRIMARY KEY (target)
);
CREATE TABLE providers (
	name VARCHAR(64) NOT NULL, 
	kind VARCHAR(64) NOT NULL, 
	url TEXT NOT NULL, 
	key_encrypted BLOB, 
	headers_encrypted BLOB, 
	models JSON NOT NULL, 
	options JSON NOT NULL, 
	timeouts JSON NOT NULL, 
	max_concurrent INTEGER NOT NULL, 
	max_waiting INTEGER NOT NULL, 
	retries INTEGER NOT NULL, 
	created_at_s DOUBLE NOT NULL, 
	updated_at_s DOUBLE NOT NULL, 
	CONSTRAINT pk_providers PRIMARY KEY (name)
);
CREATE TABLE spending (
	key_id VARCHAR(40) NOT NULL, 
	day INTEGER NOT NULL, 
	requests BIGINT NOT NULL, 
	tokens BIGINT NOT NULL, 
	cost_usd DOUBLE NOT NULL, 
	CONSTRAINT pk_spending PRIMARY KEY (key_id, day)
);
CREATE TABLE usage_records (
	id INTEGER NOT NULL, 
	request_id VARCHAR(40) NOT NULL, 
	at_s DOUBLE NOT NULL, 
	key_id VARCHAR(40) NOT NULL, 
	site_id VARCHAR(200) NOT NULL, 
	user_id VARCHAR(200), 
	app_id VARCHAR(200), 
	operation VARCHAR(20) NOT NULL, 
	requested_model TEXT NOT NULL, 
	target TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	attempts INTEGER NOT NULL, 
	cache VARCHAR(10) NOT NULL, 
	status INTEGER NOT NULL, 
	error_code VARCHAR(64), 
	prompt_tokens BIGINT NOT NULL, 
	completion_tokens BIGINT NOT NULL, 
	cost_usd DOUBLE NOT NULL, 
	first_byte_ms INTEGER NOT NULL, 
	duration_ms INTEGER NOT NULL, 
	stream BOOLEAN NOT NULL, 
	CONSTRAINT pk_usage_records PRIMARY KEY (id)
);
CREATE INDEX ix_api_keys_site_id_id ON api_keys (site_id, id);
CREATE INDEX ix_api_keys_root_id ON api_keys (root_id);
CREATE INDEX ix_usage_records_site_id_at_s ON usage_records (site_id, at_s);
CREATE INDEX ix_usage_records_key_id_at_s ON usage_records (key_id, at_s);
CREATE INDEX ix_audit_log_site_id_seq ON audit_log (site_id, seq);
COMMIT;

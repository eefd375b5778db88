BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0027');
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
CREATE TABLE attempts (
	job_id VARCHAR(40) NOT NULL, 
	step VARCHAR(100) NOT NULL, 
	n INTEGER NOT NULL, 
	site_id VARCHAR(200) NOT NULL, 
	target VARCHAR(300) NOT NULL, 
	state VARCHAR(20) NOT NULL, 
	idempotency_key VARCHAR(200) NOT NULL, 
	request JSON, 
	response JSON, 
	error JSON, 
	started_at_s DOUBLE NOT NULL, 
	ended_at_s DOUBLE, 
	cost DOUBLE, 
	PRIMARY KEY (job_id, step, n), 
	FOREIGN KEY(job_id) REFERENCES jobs (id) ON DELETE CASCADE
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
CREATE TABLE blobs (
	"key" VARCHAR(100) NOT NULL, 
	sha256 VARCHAR(64) NOT NULL, 
	state VARCHAR(10) NOT NULL, 
	at_s DOUBLE NOT NULL, 
	CONSTRAINT pk_blobs PRIMARY KEY ("key")
);
CREATE TABLE branches (
	session_id VARCHAR(40) NOT NULL, 
	number INTEGER NOT NULL, 
	parent INTEGER, 
	from_depth INTEGER NOT NULL, 
	CONSTRAINT pk_branches PRIMARY KEY (session_id, number), 
	CONSTRAINT fk_branches_session_id_sessions FOREIGN KEY(session_id) REFERENCES sessions (id) ON DELETE CASCADE
);
CREATE TABLE breakers (
	id VARCHAR(40) NOT NULL, 
	site_id VARCHAR(200) NOT NULL, 
	target VARCHAR(220) NOT NULL, 
	state VARCHAR(20) NOT NULL, 
	calls JSON NOT NULL, 
	opened_at_s DOUBLE, 
	open_s DOUBLE NOT NULL, 
	probe VARCHAR(200), 
	probe_until_s DOUBLE, 
	updated_at_s DOUBLE NOT NULL, 
	CONSTRAINT pk_breakers PRIMARY KEY (id), 
	CONSTRAINT uq_breakers_site_id_target UNIQUE (site_id, target)
);
CREATE TABLE capabilities (
	id VARCHAR(40) NOT NULL, 
	site_id VARCHAR(200) NOT NULL, 
	name VARCHAR(128) NOT NULL, 
	version INTEGER NOT NULL, 
	change INTEGER NOT NULL, 
	title VARCHAR(300) NOT NULL, 
	description TEXT NOT NULL, 
	tags JSON NOT NULL, 
	labels JSON NOT NULL, 
	input_schema JSON NOT NULL, 
	output_schema JSON, 
	examples JSON NOT NULL, 
	timeout_s DOUBLE NOT NULL, 
	idempotent BOOLEAN NOT NULL, 
	visibility VARCHAR(10) NOT NULL, 
	expose_mcp BOOLEAN NOT NULL, 
	enabled BOOLEAN NOT NULL, 
	kept VARCHAR(10) NOT NULL, 
	transport VARCHAR(64) NOT NULL, 
	endpoint JSON NOT NULL, 
	headers_encrypted BLOB, 
	trusted BOOLEAN NOT NULL, 
	origin VARCHAR(20) NOT NULL, 
	origin_ref TEXT NOT NULL, 
	digest VARCHAR(128) NOT NULL, 
	state VARCHAR(20) NOT NULL, 
	created_at_s DOUBLE NOT NULL, 
	updated_at_s DOUBLE NOT NULL, cost_units DOUBLE DEFAULT '1' NOT NULL, 
	CONSTRAINT pk_capabilities PRIMARY KEY (id)
);
CREATE TABLE capability_drifts (
	site_id VARCHAR(200) NOT NULL, 
	name VARCHAR(128) NOT NULL, 
	proposed JSON, 
	reason VARCHAR(40) NOT NULL, 
	found_at_s DOUBLE NOT NULL, 
	CONSTRAINT pk_capability_drifts PRIMARY KEY (site_id, name)
);
CREATE TABLE capability_sources (
	id VARCHAR(40) NOT NULL, 
	site_id VARCHAR(200) NOT NULL, 
	origin VARCHAR(20) NOT NULL, 
	ref VARCHAR(2000) NOT NULL, 
	url TEXT NOT NULL, 
	base_url TEXT NOT NULL, 
	prefix VARCHAR(200) NOT NULL, 
	include JSON NOT NULL, 
	trusted BOOLEAN NOT NULL, 
	title TEXT NOT NULL, 
	source_version TEXT NOT NULL, 
	checked_at_s DOUBLE NOT NULL, 
	error_code VARCHAR(64), 
	created_at_s DOUBLE NOT NULL, 
	updated_at_s DOUBLE NOT NULL, 
	CONSTRAINT pk_capability_sources PRIMARY KEY (id)
);
CREATE TABLE capability_versions (
	capability_id VARCHAR(40) NOT NULL, 
	version INTEGER NOT NULL, 
	site_id VARCHAR(200) NOT NULL, 
	input_schema JSON NOT NULL, 
	output_schema JSON, 
	transport VARCHAR(64) NOT NULL, 
	endpoint JSON NOT NULL, 
	trusted BOOLEAN NOT NULL, 
	idempotent BOOLEAN NOT NULL, 
	digest VARCHAR(128) NOT NULL, 
	created_at_s DOUBLE NOT NULL, cost_units DOUBLE DEFAULT '1' NOT NULL, 
	CONSTRAINT pk_capability_versions PRIMARY KEY (capability_id, version)
);
CREATE TABLE config_revision (
	id INTEGER NOT NULL, 
	revision BIGINT NOT NULL, 
	CONSTRAINT pk_config_revision PRIMARY KEY (id)
);
INSERT INTO "config_revision" VALUES(1,0);
CREATE TABLE documents (
	number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	store_id VARCHAR(40) NOT NULL, 
	file_id VARCHAR(40) NOT NULL, 
	site_id VARCHAR(200) NOT NULL, 
	user_id VARCHAR(200), 
	app_id VARCHAR(200), 
	job_id VARCHAR(40) NOT NULL, 
	sha256 VARCHAR(64) NOT NULL, 
	state VARCHAR(10) NOT NULL, 
	title VARCHAR(500) NOT NULL, 
	pages INTEGER, 
	chars BIGINT NOT NULL, 
	passages INTEGER NOT NULL, 
	embedded INTEGER NOT NULL, 
	indexes JSON NOT NULL, 
	usage_bytes BIGINT NOT NULL, 
	created_at_s DOUBLE NOT NULL, 
	CONSTRAINT fk_documents_store_id_vector_stores FOREIGN KEY(store_id) REFERENCES vector_stores (id) ON DELETE CASCADE
);
CREATE TABLE embeddings (
	model VARCHAR(300) NOT NULL, 
	sha256 VARCHAR(64) NOT NULL, 
	data BLOB NOT NULL, 
	used_at_s DOUBLE NOT NULL, 
	CONSTRAINT pk_embeddings PRIMARY KEY (model, sha256)
);
CREATE TABLE events (
	seq INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	id VARCHAR(40) NOT NULL, 
	site_id VARCHAR(200) NOT NULL, 
	topic VARCHAR(100) NOT NULL, 
	type VARCHAR(100) NOT NULL, 
	data JSON NOT NULL, 
	at_s DOUBLE NOT NULL
);
CREATE TABLE executors (
	id VARCHAR(40) NOT NULL, 
	machine_id VARCHAR(80) NOT NULL, 
	host VARCHAR(255) NOT NULL, 
	pid INTEGER NOT NULL, 
	lock_path TEXT NOT NULL, 
	queues JSON NOT NULL, 
	pipelines JSON NOT NULL, 
	version VARCHAR(40) NOT NULL, 
	started_at_s DOUBLE NOT NULL, 
	renewed_at_s DOUBLE NOT NULL, 
	renewed_monotonic_s DOUBLE NOT NULL, 
	lease_s DOUBLE NOT NULL, 
	draining BOOLEAN NOT NULL, 
	CONSTRAINT pk_executors PRIMARY KEY (id)
);
CREATE TABLE file_totals (
	site_id VARCHAR(200) NOT NULL, 
	files BIGINT NOT NULL, 
	bytes BIGINT NOT NULL, 
	CONSTRAINT pk_file_totals PRIMARY KEY (site_id)
);
CREATE TABLE files (
	id VARCHAR(40) NOT NULL, 
	site_id VARCHAR(200) NOT NULL, 
	user_id VARCHAR(200), 
	app_id VARCHAR(200), 
	blob_key VARCHAR(100) NOT NULL, 
	filename VARCHAR(255) NOT NULL, 
	purpose VARCHAR(40) NOT NULL, 
	content_type VARCHAR(100) NOT NULL, 
	size_bytes BIGINT NOT NULL, 
	sha256 VARCHAR(64) NOT NULL, 
	created_at_s DOUBLE NOT NULL, 
	expires_at_s DOUBLE, 
	idempotency_digest VARCHAR(64), 
	CONSTRAINT pk_files PRIMARY KEY (id), 
	CONSTRAINT uq_files_idempotency_digest UNIQUE (idempotency_digest), 
	CONSTRAINT fk_files_blob_key_blobs FOREIGN KEY(blob_key) REFERENCES blobs ("key") DEFERRABLE INITIALLY DEFERRED
);
CREATE TABLE flow_outputs (
	job_id VARCHAR(40) NOT NULL, 
	step VARCHAR(60) NOT NULL, 
	n INTEGER NOT NULL, 
	site_id VARCHAR(200) NOT NULL, 
	output JSON NOT NULL, 
	CONSTRAINT pk_flow_outputs PRIMARY KEY (job_id, step, n), 
	CONSTRAINT fk_flow_outputs_job_id_jobs FOREIGN KEY(job_id) REFERENCES jobs (id) ON DELETE CASCADE
);
CREATE TABLE flow_versions (
	flow_id VARCHAR(40) NOT NULL, 
	version INTEGER NOT NULL, 
	site_id VARCHAR(200) NOT NULL, 
	spec JSON NOT NULL, 
	key_id VARCHAR(40) NOT NULL, 
	created_at_s DOUBLE NOT NULL, 
	CONSTRAINT pk_flow_versions PRIMARY KEY (flow_id, version), 
	CONSTRAINT fk_flow_versions_flow_id_flows FOREIGN KEY(flow_id) REFERENCES flows (id) ON DELETE CASCADE
);
CREATE TABLE flows (
	id VARCHAR(40) NOT NULL, 
	site_id VARCHAR(200) NOT NULL, 
	name VARCHAR(100) NOT NULL, 
	version INTEGER NOT NULL, 
	created_at_s DOUBLE NOT NULL, 
	updated_at_s DOUBLE NOT NULL, 
	deleted_at_s DOUBLE, 
	CONSTRAINT pk_flows PRIMARY KEY (id), 
	CONSTRAINT uq_flows_site_id_name UNIQUE (site_id, name)
);
CREATE TABLE gateway_registrations (
	id VARCHAR(40) NOT NULL, 
	site_id VARCHAR(200) NOT NULL, 
	name VARCHAR(100) NOT NULL, 
	base_url TEXT NOT NULL, 
	raw BOOLEAN NOT NULL, 
	created_at_s DOUBLE NOT NULL, 
	updated_at_s DOUBLE NOT NULL, 
	CONSTRAINT pk_gateway_registrations PRIMARY KEY (id)
);
CREATE TABLE gateway_routes (
	site_id VARCHAR(200) NOT NULL, 
	method VARCHAR(10) NOT NULL, 
	gateway_path VARCHAR(500) NOT NULL, 
	registration_id VARCHAR(40) NOT NULL, 
	name VARCHAR(100) NOT NULL, 
	upstream_path TEXT NOT NULL, 
	summary TEXT NOT NULL, 
	capability VARCHAR(128) NOT NULL, 
	described VARCHAR(10) NOT NULL, 
	CONSTRAINT pk_gateway_routes PRIMARY KEY (site_id, method, gateway_path)
);
CREATE TABLE generations (
	id VARCHAR(40) NOT NULL, 
	site_id VARCHAR(200) NOT NULL, 
	user_id VARCHAR(200), 
	app_id VARCHAR(200), 
	session_id VARCHAR(40) NOT NULL, 
	message_id VARCHAR(40) NOT NULL, 
	state VARCHAR(20) NOT NULL, 
	on_disconnect VARCHAR(10) NOT NULL, 
	model VARCHAR(200) NOT NULL, 
	options JSON NOT NULL, 
	continues_chars INTEGER NOT NULL, 
	owner VARCHAR(40), 
	stop_requested BOOLEAN NOT NULL, 
	error JSON, 
	idempotency_digest VARCHAR(64), 
	started_at_s DOUBLE NOT NULL, 
	ended_at_s DOUBLE, 
	CONSTRAINT pk_generations PRIMARY KEY (id), 
	CONSTRAINT fk_generations_session_id_sessions FOREIGN KEY(session_id) REFERENCES sessions (id) ON DELETE CASCADE, 
	CONSTRAINT uq_generations_idempotency_digest UNIQUE (idempotency_digest)
);
CREATE TABLE human_assignees (
	site_id VARCHAR(200) NOT NULL, 
	assignee VARCHAR(220) NOT NULL, 
	request_id VARCHAR(40) NOT NULL, 
	CONSTRAINT pk_human_assignees PRIMARY KEY (site_id, assignee, request_id), 
	CONSTRAINT fk_human_assignees_request_id_human_requests FOREIGN KEY(request_id) REFERENCES human_requests (id) ON DELETE CASCADE
);
CREATE TABLE human_links (
	token_hash VARCHAR(64) NOT NULL, 
	site_id VARCHAR(200) NOT NULL, 
	request_id VARCHAR(40) NOT NULL, 
	assignee VARCHAR(220) NOT NULL, 
	expires_at_s DOUBLE NOT NULL, 
	used_at_s DOUBLE, 
	created_at_s DOUBLE NOT NULL, 
	CONSTRAINT pk_human_links PRIMARY KEY (token_hash), 
	CONSTRAINT fk_human_links_request_id_human_requests FOREIGN KEY(request_id) REFERENCES human_requests (id) ON DELETE CASCADE
);
CREATE TABLE human_notes (
	id VARCHAR(40) NOT NULL, 
	site_id VARCHAR(200) NOT NULL, 
	request_id VARCHAR(40) NOT NULL, 
	kind VARCHAR(20) NOT NULL, 
	who VARCHAR(220) NOT NULL, 
	data JSON NOT NULL, 
	at_s DOUBLE NOT NULL, 
	CONSTRAINT pk_human_notes PRIMARY KEY (id), 
	CONSTRAINT fk_human_notes_request_id_human_requests FOREIGN KEY(request_id) REFERENCES human_requests (id) ON DELETE CASCADE
);
CREATE TABLE human_requests (
	id VARCHAR(40) NOT NULL, 
	site_id VARCHAR(200) NOT NULL, 
	user_id VARCHAR(200), 
	app_id VARCHAR(200), 
	job_id VARCHAR(40) NOT NULL, 
	step VARCHAR(60) NOT NULL, 
	flow VARCHAR(100) NOT NULL, 
	kind VARCHAR(20) NOT NULL, 
	title VARCHAR(300) NOT NULL, 
	instructions TEXT NOT NULL, 
	assignees JSON NOT NULL, 
	form JSON, 
	draft JSON NOT NULL, 
	options JSON NOT NULL, 
	context JSON NOT NULL, 
	channels JSON NOT NULL, 
	state VARCHAR(20) NOT NULL, 
	claimed_by VARCHAR(220), 
	level INTEGER NOT NULL, 
	due_s DOUBLE NOT NULL, 
	due_at_s DOUBLE NOT NULL, 
	remind_at_s JSON NOT NULL, 
	escalate JSON NOT NULL, 
	on_timeout VARCHAR(20) NOT NULL, 
	default_answer JSON NOT NULL, 
	answer JSON NOT NULL, 
	comment TEXT NOT NULL, 
	answered_by VARCHAR(220), 
	answered_at_s DOUBLE, 
	wait INTEGER NOT NULL, 
	version INTEGER NOT NULL, 
	created_at_s DOUBLE NOT NULL, 
	updated_at_s DOUBLE NOT NULL, 
	CONSTRAINT pk_human_requests PRIMARY KEY (id), 
	CONSTRAINT uq_human_requests_job_id_step UNIQUE (job_id, step), 
	CONSTRAINT fk_human_requests_job_id_jobs FOREIGN KEY(job_id) REFERENCES jobs (id) ON DELETE CASCADE
);
CREATE TABLE idempotency (
	site_id VARCHAR(200) NOT NULL, 
	user_id VARCHAR(200) NOT NULL, 
	app_id VARCHAR(200) NOT NULL, 
	"key" VARCHAR(255) NOT NULL, 
	body_sha256 VARCHAR(64) NOT NULL, 
	job_id VARCHAR(40) NOT NULL, held_until_s DOUBLE DEFAULT '0' NOT NULL, 
	PRIMARY KEY (site_id, user_id, app_id, "key"), 
	FOREIGN KEY(job_id) REFERENCES jobs (id) ON DELETE CASCADE
);
CREATE TABLE index_documents (
	index_number BIGINT NOT NULL, 
	document BIGINT NOT NULL, 
	upto BIGINT, 
	CONSTRAINT pk_index_documents PRIMARY KEY (index_number, document)
);
CREATE TABLE index_versions (
	number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	store_id VARCHAR(40) NOT NULL, 
	site_id VARCHAR(200) NOT NULL, 
	user_id VARCHAR(200), 
	app_id VARCHAR(200), 
	state VARCHAR(10) NOT NULL, 
	kind VARCHAR(20) NOT NULL, 
	model VARCHAR(200) NOT NULL, 
	fingerprint VARCHAR(100) NOT NULL, 
	dimensions INTEGER NOT NULL, 
	takes_images BOOLEAN NOT NULL, 
	analyser INTEGER NOT NULL, 
	calibration JSON, 
	probe JSON, 
	error JSON, 
	job_id VARCHAR(40), 
	passages_total BIGINT NOT NULL, 
	passages_done BIGINT NOT NULL, 
	created_at_s DOUBLE NOT NULL, 
	activated_at_s DOUBLE, 
	CONSTRAINT fk_index_versions_store_id_vector_stores FOREIGN KEY(store_id) REFERENCES vector_stores (id) ON DELETE CASCADE
);
CREATE TABLE jobs (
	seq INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	id VARCHAR(40) NOT NULL, 
	site_id VARCHAR(200) NOT NULL, 
	user_id VARCHAR(200), 
	app_id VARCHAR(200), 
	caller JSON NOT NULL, 
	kind VARCHAR(100) NOT NULL, 
	revision INTEGER NOT NULL, 
	queue VARCHAR(20) NOT NULL, 
	state VARCHAR(20) NOT NULL, 
	waiting_for VARCHAR(100), 
	rank INTEGER NOT NULL, 
	input JSON NOT NULL, 
	result JSON, 
	error JSON, 
	stages JSON NOT NULL, 
	progress DOUBLE NOT NULL, 
	message VARCHAR(500) NOT NULL, 
	version INTEGER NOT NULL, 
	run INTEGER NOT NULL, 
	since_run INTEGER NOT NULL, 
	attempts INTEGER NOT NULL, 
	max_attempts INTEGER NOT NULL, 
	history JSON NOT NULL, 
	signals JSON NOT NULL, 
	run_after_s DOUBLE, 
	deadline_s DOUBLE, 
	created_at_s DOUBLE NOT NULL, 
	updated_at_s DOUBLE NOT NULL, 
	started_at_s DOUBLE, 
	run_started_at_s DOUBLE, 
	ended_at_s DOUBLE, 
	expires_at_s DOUBLE, 
	executor_id VARCHAR(40), 
	cancel_requested BOOLEAN NOT NULL, 
	idempotency_key VARCHAR(200), counted BOOLEAN DEFAULT 0 NOT NULL, 
	CONSTRAINT uq_jobs_id UNIQUE (id), 
	CONSTRAINT uq_jobs_site_id_kind_idempotency_key UNIQUE (site_id, kind, idempotency_key)
);
CREATE TABLE memories (
	id VARCHAR(40) NOT NULL, 
	site_id VARCHAR(200) NOT NULL, 
	user_id VARCHAR(200), 
	app_id VARCHAR(200), 
	content TEXT NOT NULL, 
	session_id VARCHAR(40), 
	version INTEGER NOT NULL, 
	created_at_s DOUBLE NOT NULL, 
	updated_at_s DOUBLE NOT NULL, 
	idempotency_digest VARCHAR(64), 
	request_digest VARCHAR(64), 
	CONSTRAINT pk_memories PRIMARY KEY (id), 
	CONSTRAINT uq_memories_idempotency_digest UNIQUE (idempotency_digest)
);
CREATE TABLE memory_switches (
	site_id VARCHAR(200) NOT NULL, 
	user_id VARCHAR(200) NOT NULL, 
	enabled BOOLEAN NOT NULL, 
	CONSTRAINT pk_memory_switches PRIMARY KEY (site_id, user_id)
);
CREATE TABLE messages (
	seq INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	id VARCHAR(40) NOT NULL, 
	site_id VARCHAR(200) NOT NULL, 
	user_id VARCHAR(200), 
	app_id VARCHAR(200), 
	session_id VARCHAR(40) NOT NULL, 
	branch INTEGER NOT NULL, 
	depth INTEGER NOT NULL, 
	parent_id VARCHAR(40), 
	role VARCHAR(20) NOT NULL, 
	kind VARCHAR(10) NOT NULL, 
	state VARCHAR(20) NOT NULL, 
	content TEXT NOT NULL, 
	attachments JSON NOT NULL, 
	citations JSON NOT NULL, 
	model VARCHAR(200), 
	finish_reason VARCHAR(40), 
	error JSON, 
	prompt_tokens INTEGER, 
	completion_tokens INTEGER, 
	first_token_ms DOUBLE, 
	total_ms DOUBLE, 
	cost_usd DOUBLE, 
	pinned BOOLEAN NOT NULL, 
	metadata JSON NOT NULL, 
	version INTEGER NOT NULL, 
	created_at_s DOUBLE NOT NULL, 
	updated_at_s DOUBLE NOT NULL, 
	deleted_at_s DOUBLE, 
	CONSTRAINT fk_messages_session_id_sessions FOREIGN KEY(session_id) REFERENCES sessions (id) ON DELETE CASCADE, 
	CONSTRAINT uq_messages_id UNIQUE (id), 
	CONSTRAINT uq_messages_session_id_branch_depth UNIQUE (session_id, branch, depth)
);
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
CREATE TABLE passages (
	number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	document BIGINT NOT NULL, 
	store_id VARCHAR(40) NOT NULL, 
	site_id VARCHAR(200) NOT NULL, 
	user_id VARCHAR(200), 
	app_id VARCHAR(200), 
	place INTEGER NOT NULL, 
	kind VARCHAR(10) NOT NULL, 
	text TEXT NOT NULL, 
	start_char BIGINT NOT NULL, 
	end_char BIGINT NOT NULL, 
	page INTEGER, 
	headings JSON NOT NULL, 
	language VARCHAR(20) NOT NULL, 
	sha256 VARCHAR(64) NOT NULL, 
	image VARCHAR(100), 
	created_at_s DOUBLE NOT NULL, 
	CONSTRAINT fk_passages_document_documents FOREIGN KEY(document) REFERENCES documents (number) ON DELETE CASCADE
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
CREATE TABLE quota_assignments (
	id VARCHAR(40) NOT NULL, 
	site_id VARCHAR(200) NOT NULL, 
	user_id VARCHAR(200) NOT NULL, 
	app_id VARCHAR(200) NOT NULL, 
	plan_id VARCHAR(40) NOT NULL, 
	created_at_s DOUBLE NOT NULL, 
	CONSTRAINT pk_quota_assignments PRIMARY KEY (id), 
	CONSTRAINT uq_quota_assignments_whom UNIQUE (site_id, user_id, app_id)
);
CREATE TABLE quota_counters (
	assignment_id VARCHAR(40) NOT NULL, 
	metric VARCHAR(40) NOT NULL, 
	start_s BIGINT NOT NULL, 
	used DOUBLE NOT NULL, 
	told SMALLINT NOT NULL, 
	CONSTRAINT pk_quota_counters PRIMARY KEY (assignment_id, metric, start_s), 
	CONSTRAINT fk_quota_counters_assignment_id_quota_assignments FOREIGN KEY(assignment_id) REFERENCES quota_assignments (id) ON DELETE CASCADE
);
CREATE TABLE quota_plans (
	id VARCHAR(40) NOT NULL, 
	site_id VARCHAR(200), 
	name VARCHAR(200) NOT NULL, 
	limits JSON NOT NULL, 
	on_exceed VARCHAR(220) NOT NULL, 
	created_at_s DOUBLE NOT NULL, 
	updated_at_s DOUBLE NOT NULL, 
	CONSTRAINT pk_quota_plans PRIMARY KEY (id)
);
CREATE TABLE quota_reservations (
	task_id VARCHAR(40) NOT NULL, 
	assignment_id VARCHAR(40) NOT NULL, 
	cost_units DOUBLE NOT NULL, 
	at_s DOUBLE NOT NULL, 
	placed BOOLEAN NOT NULL, spent_units DOUBLE DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_quota_reservations PRIMARY KEY (task_id, assignment_id), 
	CONSTRAINT fk_quota_reservations_assignment_id_quota_assignments FOREIGN KEY(assignment_id) REFERENCES quota_assignments (id) ON DELETE CASCADE
);
CREATE TABLE recording_segments (
	recording_id VARCHAR(40) NOT NULL, 
	number INTEGER NOT NULL, 
	site_id VARCHAR(200) NOT NULL, 
	user_id VARCHAR(200), 
	app_id VARCHAR(200), 
	track VARCHAR(20) NOT NULL, 
	start_s DOUBLE, 
	end_s DOUBLE, 
	text TEXT NOT NULL, 
	heard TEXT, 
	confidence DOUBLE, 
	no_speech DOUBLE, 
	language VARCHAR(20), 
	speaker VARCHAR(100), 
	words JSON NOT NULL, 
	flags JSON NOT NULL, 
	CONSTRAINT pk_recording_segments PRIMARY KEY (recording_id, number), 
	CONSTRAINT fk_recording_segments_recording_id_recordings FOREIGN KEY(recording_id) REFERENCES recordings (id) ON DELETE CASCADE
);
CREATE TABLE recordings (
	id VARCHAR(40) NOT NULL, 
	site_id VARCHAR(200) NOT NULL, 
	user_id VARCHAR(200), 
	app_id VARCHAR(200), 
	job_id VARCHAR(40) NOT NULL, 
	kind VARCHAR(10) NOT NULL, 
	title VARCHAR(255) NOT NULL, 
	metadata JSON NOT NULL, 
	file_id VARCHAR(40), 
	owns_file BOOLEAN NOT NULL, 
	source_url TEXT, 
	options JSON NOT NULL, 
	stage VARCHAR(20) NOT NULL, 
	error JSON, 
	language VARCHAR(20), 
	duration_s DOUBLE, 
	sound JSON, 
	raw_text TEXT, 
	clean_text TEXT, 
	paragraphs JSON, 
	summary JSON, 
	versions JSON NOT NULL, 
	metrics JSON NOT NULL, 
	warnings JSON NOT NULL, 
	version INTEGER NOT NULL, 
	created_at_s DOUBLE NOT NULL, 
	updated_at_s DOUBLE NOT NULL, 
	completed_at_s DOUBLE, 
	sound_deleted_at_s DOUBLE, source VARCHAR(20) DEFAULT 'request' NOT NULL, 
	CONSTRAINT pk_recordings PRIMARY KEY (id), 
	CONSTRAINT uq_recordings_job_id UNIQUE (job_id)
);
CREATE TABLE schedules (
	name VARCHAR(100) NOT NULL, 
	cron VARCHAR(100) NOT NULL, 
	last_due_at_s DOUBLE, 
	last_job_id VARCHAR(40), 
	CONSTRAINT pk_schedules PRIMARY KEY (name)
);
CREATE TABLE search_changes (
	id INTEGER NOT NULL, 
	space BIGINT NOT NULL, 
	entries BIGINT NOT NULL, 
	words BIGINT NOT NULL, 
	removed BLOB NOT NULL, 
	CONSTRAINT pk_search_changes PRIMARY KEY (id)
);
CREATE TABLE search_entries (
	number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	space BIGINT NOT NULL, 
	ref_id VARCHAR(100) NOT NULL, 
	site_id VARCHAR(200) NOT NULL, 
	user_id VARCHAR(200), 
	app_id VARCHAR(200), 
	parent_id VARCHAR(100), 
	length INTEGER NOT NULL, 
	at_s DOUBLE NOT NULL, 
	text TEXT NOT NULL, 
	CONSTRAINT uq_search_entries_ref_id_space UNIQUE (ref_id, space)
);
CREATE TABLE search_fresh (
	space BIGINT NOT NULL, 
	number BIGINT NOT NULL, 
	length INTEGER NOT NULL, 
	at_s DOUBLE NOT NULL, 
	data BLOB NOT NULL, 
	CONSTRAINT pk_search_fresh PRIMARY KEY (space, number)
)
 WITHOUT ROWID

;
CREATE TABLE search_kinds (
	kind VARCHAR(40) NOT NULL, 
	version INTEGER NOT NULL, 
	generation INTEGER NOT NULL, 
	building INTEGER, 
	"after" VARCHAR(100) NOT NULL, 
	done BIGINT NOT NULL, 
	total BIGINT NOT NULL, 
	CONSTRAINT pk_search_kinds PRIMARY KEY (kind)
);
CREATE TABLE search_postings (
	space BIGINT NOT NULL, 
	term BLOB NOT NULL, 
	first_number BIGINT NOT NULL, 
	last_number BIGINT NOT NULL, 
	count INTEGER NOT NULL, 
	data BLOB NOT NULL, 
	CONSTRAINT pk_search_postings PRIMARY KEY (space, term, first_number)
);
CREATE TABLE "search_spaces" (
	space INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	site_id VARCHAR(200) NOT NULL, 
	kind VARCHAR(40) NOT NULL, 
	generation BIGINT NOT NULL, 
	turn BIGINT NOT NULL, 
	shelf VARCHAR(100) NOT NULL, 
	CONSTRAINT uq_search_spaces_site_id_kind_shelf_generation UNIQUE (site_id, kind, shelf, generation)
);
CREATE TABLE search_waiting (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	site_id VARCHAR(200) NOT NULL, 
	kind VARCHAR(40) NOT NULL, 
	ref_id VARCHAR(100) NOT NULL, 
	is_whole BOOLEAN NOT NULL, 
	"after" VARCHAR(100) NOT NULL
, shelf VARCHAR(100));
CREATE TABLE session_tags (
	session_id VARCHAR(40) NOT NULL, 
	tag VARCHAR(100) NOT NULL, 
	site_id VARCHAR(200) NOT NULL, 
	CONSTRAINT pk_session_tags PRIMARY KEY (session_id, tag), 
	CONSTRAINT fk_session_tags_session_id_sessions FOREIGN KEY(session_id) REFERENCES sessions (id) ON DELETE CASCADE
);
CREATE TABLE sessions (
	id VARCHAR(40) NOT NULL, 
	site_id VARCHAR(200) NOT NULL, 
	user_id VARCHAR(200), 
	app_id VARCHAR(200), 
	outside_id VARCHAR(200), 
	title VARCHAR(500) NOT NULL, 
	title_from VARCHAR(10) NOT NULL, 
	model VARCHAR(200), 
	system TEXT NOT NULL, 
	context JSON NOT NULL, 
	uses_memory BOOLEAN NOT NULL, 
	metadata JSON NOT NULL, 
	pinned BOOLEAN NOT NULL, 
	archived_at_s DOUBLE, 
	deleted_at_s DOUBLE, 
	version INTEGER NOT NULL, 
	branch INTEGER NOT NULL, 
	branches INTEGER NOT NULL, 
	message_count INTEGER NOT NULL, 
	created_at_s DOUBLE NOT NULL, 
	updated_at_s DOUBLE NOT NULL, 
	last_message_at_s DOUBLE, 
	idempotency_digest VARCHAR(64), 
	request_digest VARCHAR(64), vector_store_ids JSON, 
	CONSTRAINT pk_sessions PRIMARY KEY (id), 
	CONSTRAINT uq_sessions_idempotency_digest UNIQUE (idempotency_digest)
);
CREATE TABLE spending (
	key_id VARCHAR(40) NOT NULL, 
	day INTEGER NOT NULL, 
	requests BIGINT NOT NULL, 
	tokens BIGINT NOT NULL, 
	cost_usd DOUBLE NOT NULL, 
	CONSTRAINT pk_spending PRIMARY KEY (key_id, day)
);
CREATE TABLE tasks (
	job_id VARCHAR(40) NOT NULL, 
	site_id VARCHAR(200) NOT NULL, 
	capability VARCHAR(200), 
	flow VARCHAR(200), 
	version INTEGER NOT NULL, 
	kept VARCHAR(20) NOT NULL, 
	forgotten BOOLEAN NOT NULL, 
	metadata JSON NOT NULL, 
	shown JSON, cost_units DOUBLE DEFAULT '1' NOT NULL, 
	PRIMARY KEY (job_id), 
	FOREIGN KEY(job_id) REFERENCES jobs (id) ON DELETE CASCADE
);
CREATE TABLE template_versions (
	template_id VARCHAR(40) NOT NULL, 
	version INTEGER NOT NULL, 
	site_id VARCHAR(200) NOT NULL, 
	user_id VARCHAR(200), 
	app_id VARCHAR(200), 
	title VARCHAR(200) NOT NULL, 
	description TEXT NOT NULL, 
	schema JSON NOT NULL, 
	prompt TEXT NOT NULL, 
	example JSON, 
	created_at_s DOUBLE NOT NULL, 
	CONSTRAINT pk_template_versions PRIMARY KEY (template_id, version), 
	CONSTRAINT fk_template_versions_template_id_templates FOREIGN KEY(template_id) REFERENCES templates (id) ON DELETE CASCADE
);
CREATE TABLE templates (
	id VARCHAR(40) NOT NULL, 
	site_id VARCHAR(200) NOT NULL, 
	user_id VARCHAR(200), 
	app_id VARCHAR(200), 
	name VARCHAR(64) NOT NULL, 
	owner_digest VARCHAR(64) NOT NULL, 
	version INTEGER NOT NULL, 
	created_at_s DOUBLE NOT NULL, 
	updated_at_s DOUBLE NOT NULL, 
	CONSTRAINT pk_templates PRIMARY KEY (id), 
	CONSTRAINT uq_templates_owner_digest UNIQUE (owner_digest)
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
	stream BOOLEAN NOT NULL, audio_s DOUBLE DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_usage_records PRIMARY KEY (id)
);
CREATE TABLE vector_blocks (
	index_number BIGINT NOT NULL, 
	change BIGINT NOT NULL, 
	document BIGINT NOT NULL, 
	vectors INTEGER NOT NULL, 
	first_key BIGINT NOT NULL, 
	last_key BIGINT NOT NULL, 
	keys BLOB NOT NULL, 
	data BLOB NOT NULL, 
	CONSTRAINT pk_vector_blocks PRIMARY KEY (index_number, change)
);
CREATE TABLE vector_indexes (
	number BIGINT NOT NULL, 
	dimensions INTEGER NOT NULL, 
	changes BIGINT NOT NULL, 
	forgotten BIGINT NOT NULL, 
	vectors BIGINT NOT NULL, 
	CONSTRAINT pk_vector_indexes PRIMARY KEY (number)
);
CREATE TABLE vector_pending (
	number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	index_number BIGINT NOT NULL, 
	dimensions INTEGER NOT NULL, 
	action VARCHAR(10) NOT NULL, 
	document BIGINT NOT NULL, 
	keys BLOB NOT NULL, 
	data BLOB NOT NULL
);
CREATE TABLE vector_senders (
	kind VARCHAR(20) NOT NULL, 
	holder VARCHAR(40) NOT NULL, 
	until_s DOUBLE NOT NULL, 
	CONSTRAINT pk_vector_senders PRIMARY KEY (kind)
);
CREATE TABLE vector_store_batch_files (
	batch_id VARCHAR(40) NOT NULL, 
	file_id VARCHAR(40) NOT NULL, 
	CONSTRAINT pk_vector_store_batch_files PRIMARY KEY (batch_id, file_id), 
	CONSTRAINT fk_vector_store_batch_files_batch_id_vector_store_file_batches FOREIGN KEY(batch_id) REFERENCES vector_store_file_batches (id) ON DELETE CASCADE
);
CREATE TABLE vector_store_file_batches (
	id VARCHAR(40) NOT NULL, 
	store_id VARCHAR(40) NOT NULL, 
	site_id VARCHAR(200) NOT NULL, 
	user_id VARCHAR(200), 
	app_id VARCHAR(200), 
	cancelled BOOLEAN NOT NULL, 
	created_at_s DOUBLE NOT NULL, 
	idempotency_digest VARCHAR(64), 
	request_digest VARCHAR(64), 
	CONSTRAINT pk_vector_store_file_batches PRIMARY KEY (id), 
	CONSTRAINT uq_vector_store_file_batches_idempotency_digest UNIQUE (idempotency_digest), 
	CONSTRAINT fk_vector_store_file_batches_store_id_vector_stores FOREIGN KEY(store_id) REFERENCES vector_stores (id) ON DELETE CASCADE
);
CREATE TABLE vector_store_files (
	store_id VARCHAR(40) NOT NULL, 
	file_id VARCHAR(40) NOT NULL, 
	site_id VARCHAR(200) NOT NULL, 
	user_id VARCHAR(200), 
	app_id VARCHAR(200), 
	filename VARCHAR(255) NOT NULL, 
	content_type VARCHAR(100) NOT NULL, 
	size_bytes BIGINT NOT NULL, 
	status VARCHAR(20) NOT NULL, 
	error JSON, 
	attributes JSON NOT NULL, 
	chunking JSON NOT NULL, 
	job_id VARCHAR(40), 
	source_url TEXT, 
	replaces VARCHAR(40), 
	document BIGINT, 
	usage_bytes BIGINT NOT NULL, 
	passages_total INTEGER NOT NULL, 
	passages_done INTEGER NOT NULL, 
	warnings JSON NOT NULL, 
	created_at_s DOUBLE NOT NULL, 
	updated_at_s DOUBLE NOT NULL, 
	idempotency_digest VARCHAR(64), 
	request_digest VARCHAR(64), 
	CONSTRAINT pk_vector_store_files PRIMARY KEY (store_id, file_id), 
	CONSTRAINT uq_vector_store_files_idempotency_digest UNIQUE (idempotency_digest), 
	CONSTRAINT fk_vector_store_files_store_id_vector_stores FOREIGN KEY(store_id) REFERENCES vector_stores (id) ON DELETE CASCADE
);
CREATE TABLE vector_stores (
	id VARCHAR(40) NOT NULL, 
	site_id VARCHAR(200) NOT NULL, 
	user_id VARCHAR(200), 
	app_id VARCHAR(200), 
	name VARCHAR(256) NOT NULL, 
	description TEXT NOT NULL, 
	metadata JSON NOT NULL, 
	chunking JSON NOT NULL, 
	active_index BIGINT, 
	deleted BOOLEAN NOT NULL, 
	expires_after_days INTEGER, 
	last_active_at_s DOUBLE NOT NULL, 
	expires_at_s DOUBLE, 
	created_at_s DOUBLE NOT NULL, 
	updated_at_s DOUBLE NOT NULL, 
	idempotency_digest VARCHAR(64), 
	request_digest VARCHAR(64), 
	CONSTRAINT pk_vector_stores PRIMARY KEY (id), 
	CONSTRAINT uq_vector_stores_idempotency_digest UNIQUE (idempotency_digest)
);
CREATE TABLE watched_files (
	id VARCHAR(64) NOT NULL, 
	folder_id VARCHAR(64) NOT NULL, 
	name TEXT NOT NULL, 
	size_bytes BIGINT NOT NULL, 
	mtime_ns BIGINT NOT NULL, 
	turn INTEGER NOT NULL, 
	state VARCHAR(20) NOT NULL, 
	moved BOOLEAN NOT NULL, 
	object_id VARCHAR(40), 
	error JSON, 
	final_name TEXT, 
	taken_at_s DOUBLE NOT NULL, 
	settled_at_s DOUBLE, 
	CONSTRAINT pk_watched_files PRIMARY KEY (id)
);
CREATE TABLE watched_folders (
	id VARCHAR(64) NOT NULL, 
	path TEXT NOT NULL, 
	site_id VARCHAR(200) NOT NULL, 
	holder VARCHAR(40) NOT NULL, 
	held_until_s DOUBLE NOT NULL, 
	looked_at_s DOUBLE, 
	files_waiting INTEGER NOT NULL, 
	error TEXT, kind VARCHAR(20) DEFAULT 'recordings' NOT NULL, 
	CONSTRAINT pk_watched_folders PRIMARY KEY (id)
);
CREATE TABLE webhook_deliverer (
	id INTEGER NOT NULL, 
	owner VARCHAR(40), 
	seq BIGINT NOT NULL, 
	taken BIGINT NOT NULL, 
	refused BIGINT NOT NULL, 
	given_up BIGINT NOT NULL, 
	CONSTRAINT pk_webhook_deliverer PRIMARY KEY (id)
);
CREATE TABLE webhook_deliveries (
	seq INTEGER NOT NULL, 
	id VARCHAR(40) NOT NULL, 
	site_id VARCHAR(200) NOT NULL, 
	webhook_id VARCHAR(40) NOT NULL, 
	event_id VARCHAR(40) NOT NULL, 
	event_seq BIGINT NOT NULL, 
	event_type VARCHAR(100) NOT NULL, 
	topic VARCHAR(100) NOT NULL, 
	url TEXT, 
	state VARCHAR(20) NOT NULL, 
	attempts INTEGER NOT NULL, 
	tries JSON NOT NULL, 
	next_at_s DOUBLE, 
	created_at_s DOUBLE NOT NULL, 
	ended_at_s DOUBLE, 
	CONSTRAINT pk_webhook_deliveries PRIMARY KEY (seq), 
	CONSTRAINT fk_webhook_deliveries_webhook_id_webhooks FOREIGN KEY(webhook_id) REFERENCES webhooks (id) ON DELETE CASCADE, 
	CONSTRAINT uq_webhook_deliveries_webhook_id_event_id UNIQUE (webhook_id, event_id)
);
CREATE TABLE webhook_topics (
	topic VARCHAR(100) NOT NULL, 
	webhook_id VARCHAR(40) NOT NULL, 
	site_id VARCHAR(200) NOT NULL, 
	url TEXT, 
	events JSON NOT NULL, 
	created_at_s DOUBLE NOT NULL, 
	CONSTRAINT pk_webhook_topics PRIMARY KEY (topic, webhook_id), 
	CONSTRAINT fk_webhook_topics_webhook_id_webhooks FOREIGN KEY(webhook_id) REFERENCES webhooks (id) ON DELETE CASCADE
);
CREATE TABLE webhooks (
	id VARCHAR(40) NOT NULL, 
	site_id VARCHAR(200) NOT NULL, 
	url TEXT, 
	events JSON NOT NULL, 
	scopes JSON NOT NULL, 
	description TEXT NOT NULL, 
	enabled BOOLEAN NOT NULL, 
	thin BOOLEAN NOT NULL, 
	headers_sealed BLOB, 
	secret_sealed BLOB NOT NULL, 
	old_secret_sealed BLOB, 
	old_secret_until_s DOUBLE, 
	after_seq BIGINT NOT NULL, 
	failing_since_s DOUBLE, 
	disabled_reason VARCHAR(20), 
	created_at_s DOUBLE NOT NULL, 
	updated_at_s DOUBLE NOT NULL, 
	CONSTRAINT pk_webhooks PRIMARY KEY (id)
);
CREATE INDEX ix_api_keys_site_id_id ON api_keys (site_id, id);
CREATE INDEX ix_api_keys_root_id ON api_keys (root_id);
CREATE INDEX ix_usage_records_site_id_at_s ON usage_records (site_id, at_s);
CREATE INDEX ix_usage_records_key_id_at_s ON usage_records (key_id, at_s);
CREATE INDEX ix_audit_log_site_id_seq ON audit_log (site_id, seq);
CREATE INDEX ix_jobs_queue_state_site_id_rank_seq ON jobs (queue, state, site_id, rank, seq);
CREATE INDEX ix_jobs_site_id_seq ON jobs (site_id, seq);
CREATE INDEX ix_jobs_state_executor_id ON jobs (state, executor_id);
CREATE INDEX ix_jobs_state_run_after_s ON jobs (state, run_after_s);
CREATE INDEX ix_jobs_deadline_s ON jobs (deadline_s);
CREATE INDEX ix_jobs_expires_at_s ON jobs (expires_at_s);
CREATE INDEX ix_jobs_queue_ended_at_s ON jobs (queue, ended_at_s);
CREATE INDEX ix_events_topic_seq ON events (topic, seq);
CREATE INDEX ix_events_site_id_seq ON events (site_id, seq);
CREATE INDEX ix_events_at_s ON events (at_s);
CREATE UNIQUE INDEX uq_blobs_live_sha256 ON blobs (sha256) WHERE state = 'live';
CREATE INDEX ix_blobs_state_at_s ON blobs (state, at_s);
CREATE INDEX ix_files_site_id_id ON files (site_id, id);
CREATE INDEX ix_files_blob_key ON files (blob_key);
CREATE INDEX ix_files_expires_at_s ON files (expires_at_s);
CREATE INDEX ix_sessions_deleted_at_s ON sessions (deleted_at_s);
CREATE INDEX ix_sessions_site_id_updated_at_s_id ON sessions (site_id, updated_at_s, id);
CREATE INDEX ix_sessions_site_id_user_id_updated_at_s_id ON sessions (site_id, user_id, updated_at_s, id);
CREATE UNIQUE INDEX uq_sessions_outside_id ON sessions (site_id, user_id, outside_id) WHERE user_id IS NOT NULL AND outside_id IS NOT NULL;
CREATE UNIQUE INDEX uq_sessions_outside_id_nobody ON sessions (site_id, outside_id) WHERE user_id IS NULL AND outside_id IS NOT NULL;
CREATE INDEX ix_session_tags_site_id_tag ON session_tags (site_id, tag);
CREATE INDEX ix_messages_parent_id ON messages (parent_id);
CREATE INDEX ix_messages_session_id_seq ON messages (session_id, seq);
CREATE INDEX ix_generations_message_id ON generations (message_id);
CREATE INDEX ix_generations_owner ON generations (owner) WHERE state = 'running';
CREATE INDEX ix_generations_session_id_started_at_s ON generations (session_id, started_at_s);
CREATE UNIQUE INDEX uq_generations_running ON generations (message_id) WHERE state = 'running';
CREATE INDEX ix_memories_site_id_user_id_id ON memories (site_id, user_id, id);
CREATE INDEX ix_search_waiting_site_id_is_whole_id ON search_waiting (site_id, is_whole, id);
CREATE INDEX ix_search_changes_space_id ON search_changes (space, id);
CREATE INDEX ix_messages_kept ON messages (session_id, depth) WHERE (pinned OR kind = 'summary');
CREATE INDEX ix_recordings_site_id_id ON recordings (site_id, id);
CREATE INDEX ix_recordings_site_id_user_id_id ON recordings (site_id, user_id, id);
CREATE INDEX ix_recordings_stage_updated_at_s ON recordings (stage, updated_at_s);
CREATE INDEX ix_templates_site_id_id ON templates (site_id, id);
CREATE INDEX ix_watched_files_folder_id_state ON watched_files (folder_id, state);
CREATE INDEX ix_vector_stores_site_id_id ON vector_stores (site_id, id);
CREATE INDEX ix_vector_stores_expires_at_s ON vector_stores (expires_at_s);
CREATE INDEX ix_vector_store_files_file_id ON vector_store_files (file_id);
CREATE INDEX ix_vector_store_files_store_id_status ON vector_store_files (store_id, status, usage_bytes);
CREATE INDEX ix_vector_store_file_batches_store_id ON vector_store_file_batches (store_id);
CREATE INDEX ix_documents_store_id_state ON documents (store_id, state);
CREATE INDEX ix_documents_file_id ON documents (file_id);
CREATE UNIQUE INDEX uq_documents_visible ON documents (store_id, file_id) WHERE state = 'visible';
CREATE UNIQUE INDEX uq_passages_document_place ON passages (document, place);
CREATE INDEX ix_index_versions_store_id_state ON index_versions (store_id, state);
CREATE INDEX ix_embeddings_used_at_s ON embeddings (used_at_s);
CREATE INDEX ix_vector_blocks_index_number_document ON vector_blocks (index_number, document);
CREATE INDEX ix_vector_pending_index_number ON vector_pending (index_number);
CREATE INDEX ix_watched_files_folder_id_name ON watched_files (folder_id, name);
CREATE UNIQUE INDEX uq_capabilities_site_id_name ON capabilities (site_id, name);
CREATE INDEX ix_capability_versions_site_id ON capability_versions (site_id);
CREATE INDEX ix_tasks_site_id_capability ON tasks (site_id, capability);
CREATE INDEX ix_tasks_site_id_flow ON tasks (site_id, flow);
CREATE INDEX ix_tasks_forgotten_kept ON tasks (forgotten, kept);
CREATE INDEX ix_idempotency_job_id ON idempotency (job_id);
CREATE INDEX ix_human_requests_site_id_state_due_at_s_id ON human_requests (site_id, state, due_at_s, id);
CREATE INDEX ix_human_requests_site_id_id ON human_requests (site_id, id);
CREATE INDEX ix_human_assignees_request_id ON human_assignees (request_id);
CREATE INDEX ix_human_notes_request_id_id ON human_notes (request_id, id);
CREATE INDEX ix_human_links_request_id ON human_links (request_id);
CREATE INDEX ix_webhooks_site_id_id ON webhooks (site_id, id);
CREATE INDEX ix_webhook_topics_webhook_id ON webhook_topics (webhook_id);
CREATE INDEX ix_webhook_deliveries_webhook_id_seq ON webhook_deliveries (webhook_id, seq);
CREATE INDEX ix_webhook_deliveries_webhook_id_state_seq ON webhook_deliveries (webhook_id, state, seq);
CREATE INDEX ix_webhook_deliveries_next_at_s ON webhook_deliveries (next_at_s);
CREATE INDEX ix_webhook_deliveries_created_at_s ON webhook_deliveries (created_at_s);
CREATE UNIQUE INDEX uq_capability_sources_site_id_origin_ref ON capability_sources (site_id, origin, ref);
CREATE UNIQUE INDEX uq_gateway_registrations_site_id_name ON gateway_registrations (site_id, name);
CREATE INDEX ix_gateway_routes_registration_id ON gateway_routes (registration_id);
CREATE INDEX ix_quota_plans_site_id_id ON quota_plans (site_id, id);
CREATE INDEX ix_quota_assignments_plan_id ON quota_assignments (plan_id);
CREATE INDEX ix_quota_reservations_assignment_id ON quota_reservations (assignment_id, placed);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('search_spaces',0);
COMMIT;

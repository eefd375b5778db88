"""Which routes and models a key opens, and where it may stand, asked of the whole product."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import pytest_asyncio

from flows.calls import CHAT, EXTRACTIVE, INFERENCE, make, records
from peers import scripts
from peers.upstream import Upstream
from serving import House

pytestmark = pytest.mark.asyncio(loop_scope="module")

ALIASES = [
    {"name": "gpt-4o", "targets": [EXTRACTIVE]},
    {"name": "gpt-any", "targets": ["nothing", EXTRACTIVE]},
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory):
    async with House(tmp_path_factory.mktemp("access") / "data", aliases=ALIASES) as made:
        yield made


PUBLIC = {"livez", "readyz", "health", "metrics"}
SCOPES = {
    "inference": "create_chat_completion create_completion create_response create_embeddings rerank "
    "create_transcription create_translation create_speech",
    "models:read": "list_models models_status recommend_model get_model list_aliases get_alias",
    "models:write": "load_model unload_model pull_model",
    "providers": "list_providers create_provider discover_providers get_provider update_provider delete_provider "
    "test_provider create_alias replace_alias delete_alias",
    "files:read": "list_files get_file get_file_content get_file_page",
    "files:write": "create_file delete_file",
    "knowledge:read": "list_vector_stores get_vector_store list_vector_store_files get_vector_store_file "
    "get_vector_store_file_content get_vector_store_file_batch list_vector_store_files_in_batch "
    "search_vector_store evaluate_vector_store list_index_versions",
    "knowledge:write": "create_vector_store update_vector_store delete_vector_store create_vector_store_file "
    "update_vector_store_file delete_vector_store_file create_vector_store_file_batch cancel_vector_store_file_batch "
    "reindex move_vectors activate_index_version delete_index_version",
    "chats:read": "list_sessions list_tags sessions_stats get_session list_messages session_stats get_message "
    "list_siblings list_memories get_memory_switch get_memory search_messages search_sessions export_session "
    "export_sessions get_generation generation_events list_generations get_session_generation "
    "session_generation_events outer_sessions",
    "chats:write": "create_session clean_up_sessions update_session delete_session restore_session archive_session "
    "unarchive_session update_message delete_message show_message create_memory set_memory_switch update_memory "
    "delete_memory import_sessions stop_generation stop_session_generation",
    "audio:read": "process_status list_recordings search_recordings get_recording list_segments export_recording "
    "list_templates get_template get_template_schema list_template_versions",
    "audio:write": "update_recording delete_recording correct_segment create_template update_template delete_template",
    "tasks": "list_capabilities get_capability list_capability_versions try_capability run_capability create_task "
    "list_tasks get_task trace_task task_events cancel_task retry_task signal_task dispatch_task get_dispatched_task "
    "export_postman list_registrations get_registration",
    "capabilities": "create_capability update_capability delete_capability import_openapi import_postman "
    "list_capability_sources delete_capability_source check_capability_sources get_capability_drift "
    "approve_capability register_module delete_registration check_registration import_mcp check_mcp approve_mcp",
    "flows": "list_flows get_flow list_flow_versions put_flow delete_flow validate_flow simulate_flow list_breakers",
    "human": "list_human_requests get_human_request claim_human_request answer_human_request reject_human_request "
    "reassign_human_request comment_human_request link_human_request",
    "mcp": "mcp",
    "jobs:read": "list_jobs list_job_kinds get_job job_events",
    "jobs:write": "submit_job cancel_job retry_job",
    "webhooks": "create_webhook list_webhooks get_webhook update_webhook delete_webhook rotate_webhook test_webhook "
    "replay_webhook list_deliveries resend_delivery",
    "usage:read": "usage usage_series usage_budgets list_usage_records",
    "keys": "create_key list_keys get_key update_key revoke_key rotate_key create_quota_plan list_quota_plans "
    "get_quota_plan update_quota_plan delete_quota_plan assign_quota_plan list_quota_assignments "
    "list_quota_standings unassign_quota_plan",
    "audit:read": "list_audit verify_audit",
    "ops": "system system_history job_stats disk_use",
    "admin": "list_settings plan_cleanup begin_cleanup",
}
ANYBODY = {"my_quotas", "site_events", "get_event"}
TWO_SCOPES = set(["ask", "ask_otherwise", "regenerate", "continue_answer", "outer_ask"])
TWO_SCOPES |= {"process", "process_text", "rerun_recording", "ask_vector_store"}
"""They need `chats:write`, `audio:write` or `knowledge:read`, and `inference`."""


async def operations(house: House) -> Iterator[tuple[str, str, str, dict[str, Any] | None]]:
    # Of everybody: that of a tenant has its capabilities as paths of their own besides.
    document = house.app.rooms.openapi()
    found = []
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            body = INFERENCE.get(path, {} if "requestBody" in operation else None)
            filled = path
            for name in (
                "key_id",
                "file_id",
                "vector_store_id",
                "batch_id",
                "job_id",
                "session_id",
                "message_id",
                "memory_id",
                "generation_id",
                "user_id",
                "recording_id",
                "template_id",
                "plan_id",
                "assignment_id",
                "task_id",
                "tracking_id",
                "source_id",
                "request_id",
                "capability",
                "webhook_id",
                "delivery_id",
                "name",
                "model",
            ):
                filled = filled.replace(f"{{{name}}}", "nothing")
            filled = filled.replace("{number}", "1").replace("{page}", "1").replace("{seq}", "1")
            assert "{" not in filled
            if operation["operationId"] == "site_events":
                # It would never end.
                filled += "?after=soon"
            found.append((operation["operationId"], method.upper(), filled, body))
    return iter(found)


async def test_the_table_of_scopes_is_whole(house):
    known = PUBLIC | ANYBODY | TWO_SCOPES | {name for names in SCOPES.values() for name in names.split()}
    assert {name for name, *_ in await operations(house)} == known


async def test_every_route_asks_for_a_key(house):
    strangers = {
        "none": {},
        "wrong": {"Authorization": "Bearer rh_wrong"},
        "basic": {"Authorization": "Basic eDp5"},
    }
    for name, method, path, body in await operations(house):
        for prefix in ("", "/api") if path.startswith("/v1/") else ("",):
            for stranger in strangers.values():
                answer = await house.send(method, prefix + path, body, key="", headers=stranger)
                if name in PUBLIC:
                    assert answer.status == 200
                else:
                    assert (answer.status, answer.code) == (401, "not_signed_in"), path
                    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("scope", [*SCOPES, "admin"])
async def test_a_scope_opens_its_routes_and_no_other(house, scope):
    key = (await make(house, scopes=[scope]))["key"]
    for name, method, path, body in await operations(house):
        wanted = next((of for of, names in SCOPES.items() if name in names.split()), None)
        for prefix in ("", "/api") if scope == "admin" and path.startswith("/v1/") else ("",):
            answer = await house.send(method, prefix + path, body, key=key)
            if (wanted is None and name not in TWO_SCOPES) or scope in (wanted, "admin"):
                assert answer.status not in (401, 403), (path, answer.body)
                assert answer.status < 500, (path, answer.body)
            else:
                assert (answer.status, answer.code) == (403, "not_allowed"), path


async def test_a_key_for_some_routes_only(house):
    key = (await make(house, scopes=["admin"], routes=["/v1/embeddings", "/v1/models*"]))["key"]
    for name, method, path, body in await operations(house):
        if name in PUBLIC:
            continue
        for prefix in ("", "/api") if path.startswith("/v1/") else ("",):
            answer = await house.send(method, prefix + path, body, key=key)
            inside = path.startswith("/v1/models") or path == "/v1/embeddings"
            assert (answer.status != 403) == inside, path


PLACES = {
    "bearer": lambda key: {"Authorization": f"Bearer {key}"},
    "bearer in capitals": lambda key: {"authorization": f"BEARER {key}"},
    "bearer with blanks": lambda key: {"AUTHORIZATION": f"bearer   {key} "},
    "x-api-key": lambda key: {"X-API-Key": key},
    "x-api-key beside another scheme": lambda key: {"Authorization": "Basic eDp5", "x-api-key": key},
    "api-key": lambda key: {"api-key": key},
}


@pytest.mark.parametrize("place", PLACES)
async def test_a_key_is_the_same_key_wherever_it_stands(house, place):
    made = await make(house, scopes=["inference"], models=[EXTRACTIVE], requests_per_minute=3)
    headers = PLACES[place](made["key"])
    for prefix in ("", "/api"):
        answer = await house.post(f"{prefix}/v1/chat/completions", CHAT, key="", headers=headers)
        assert answer.status == 200
        assert (await house.get(f"{prefix}/v1/keys", key="", headers=headers)).status == 403
        other = INFERENCE["/v1/embeddings"]
        assert (await house.post(f"{prefix}/v1/embeddings", other, key="", headers=headers)).status in (
            403,
            429,
        )
    assert (await house.post("/v1/chat/completions", CHAT, key="", headers=headers)).status == 429
    assert {record["key_id"] for record in await records(house, query=f"&key_id={made['id']}")} == {
        made["id"]
    }


async def test_a_key_in_an_address_or_a_cookie_is_none(house):
    for name in (
        "key",
        "api_key",
        "api-key",
        "apikey",
        "token",
        "access_token",
        "authorization",
        "Authorization",
    ):
        for value in (house.key, f"Bearer {house.key}"):
            for path in ("/v1/models", "/v1/keys"):
                answer = await house.send("GET", f"{path}?{name}={value}", key="")
                assert answer.status == 401
                answer = await house.send("GET", path, key="", headers={"Cookie": f"{name}={value}"})
                assert answer.status == 401
            answer = await house.post(f"/v1/chat/completions?{name}={value}", CHAT, key="")
            assert answer.status == 401


async def test_what_is_no_key(house):
    name, secret = house.key[:-44], house.key[-43:]
    other = (await make(house))["key"]
    strange = [
        "' OR '1'='1",
        "rh_' UNION SELECT * FROM api_keys --_" + secret,
        f"{name}_' OR 1=1 --",
        f"{name}_{'A' * 43}",
        f"{name}_{secret[:-1]}",
        f"{name}_{secret}A",
        f"{name}_{secret.swapcase()}",
        f"{other[: -len(secret)]}{secret}",
        name,
        secret,
        f"{house.key},{house.key}",
        f'"{house.key}"',
        "null",
        "undefined",
        "x" * 9000,
        "rh_" + "x" * 40_000,
        "%00",
        "Bearer",
    ]
    for text in strange:
        for headers in ({"Authorization": f"Bearer {text}"}, {"X-API-Key": text}, {"api-key": text}):
            for answer in (
                await house.get("/v1/keys", key="", headers=headers),
                await house.post("/v1/chat/completions", CHAT, key="", headers=headers),
            ):
                assert (answer.status, answer.code) == (401, "not_signed_in"), text[:60]
                assert text[:60] not in answer.body.decode() or len(text) < 12
    assert (await house.get("/v1/keys")).status == 200


async def test_a_key_longer_than_a_head_may_be_ends_the_connection(house):
    answer = await house.get("/v1/keys", key="", headers={"X-API-Key": "x" * 60_000})
    assert answer.status == 401
    assert (await house.get("/livez")).status == 200


TRICKS = [
    b'{"model":"roundhouse/minilm","mod\\u0065l":"roundhouse/extractive","messages":[%b]}',
    b'{"model":"roundhouse/minilm","model":"roundhouse/extractive","messages":[%b]}',
    b'{"\\u006dodel":"roundhouse\\/extractive","messages":[%b]}',
    b'{"model":"\\u0072oundhouse/extractive","messages":[%b]}',
    b'{"model":"extractive","messages":[%b]}',
    b'{"model":"gpt-4o","messages":[%b]}',
    b'{"model":"gpt-any","messages":[%b]}',
]


@pytest.mark.parametrize("trick", TRICKS, ids=range(len(TRICKS)))
async def test_a_model_is_forbidden_under_every_name(house, trick):
    key = (await make(house, models=["roundhouse/minilm"]))["key"]
    body = trick % json.dumps(CHAT["messages"][0]).encode()
    for path in ("/v1/chat/completions", "/api/v1/chat/completions"):
        answer = await house.post(path, data=body, key=key)
        assert (answer.status, answer.code) == (403, "not_allowed")
        assert answer.json()["error"]["param"] == "model"
    assert (await house.post("/v1/embeddings", INFERENCE["/v1/embeddings"], key=key)).status == 200


async def test_an_alias_may_be_allowed_and_what_is_behind_it_not(house):
    key = (await make(house, models=["gpt-*"]))["key"]
    allowed = await house.post("/v1/chat/completions", {**CHAT, "model": "gpt-4o"}, key=key)
    assert (allowed.status, allowed.headers["x-roundhouse-model"]) == (200, EXTRACTIVE)
    for name in (EXTRACTIVE, "extractive", "auto", "roundhouse/minilm", "GPT-4o"):
        answer = await house.post("/v1/chat/completions", {**CHAT, "model": name}, key=key)
        assert answer.status in (403, 404), name
        assert answer.status == 403 or name in ("auto", "GPT-4o")


async def test_auto_and_the_lists_know_only_what_is_allowed(house):
    async with Upstream() as up:
        up.paths["/models"] = scripts.json_answer({"data": [{"id": "m"}, {"id": "secret"}]})
        up.script = scripts.json_answer(scripts.completion("from up"))
        provider = {"name": "up", "kind": "openai", "url": up.url, "key": "sk-x", "retries": 0}
        assert (await house.post("/v1/providers", provider)).status == 201
        try:
            assert (await house.get("/v1/models/up/secret")).status == 200
            # What an admin's `auto` chose is remembered; it must have no name that others can write.
            await house.post("/v1/chat/completions", {**CHAT, "model": "auto"})
            scopes = ["inference", "models:read", "models:write"]
            key = (await make(house, scopes=scopes, models=["auto", "up/m", "up/m\x20*"]))["key"]
            chosen = await house.post("/v1/chat/completions", {**CHAT, "model": "auto"}, key=key)
            assert chosen.headers["x-roundhouse-model"] == "up/m"
            for name in (
                "up/m \nroundhouse/extractive",
                "up/m\nup/secret",
                "up/m\nup/secret\nroundhouse/extractive",
            ):
                answer = await house.post("/v1/chat/completions", {**CHAT, "model": name}, key=key)
                assert answer.status == 404
            listed = (await house.get("/v1/models", key=key)).json()["data"]
            assert [model["id"] for model in listed] == ["auto", "up/m"]
            assert (await house.get("/v1/models/up/secret", key=key)).status == 404
            assert (await house.get("/v1/aliases", key=key)).json()["data"] == []
            advice = (await house.get("/v1/models/recommend", key=key)).json()
            assert [one["model_id"] for one in advice["data"]] == ["up/m"]
            for verb in ("load", "unload", "pull"):
                answer = await house.post(f"/v1/models/{verb}", {"model": "up/secret"}, key=key)
                assert (answer.status, answer.code) == (403, "not_allowed")
            outsider = (await make(house, models=["gpt-4"]))["key"]
            answer = await house.post("/v1/chat/completions", {**CHAT, "model": "auto"}, key=outsider)
            assert answer.status == 404
            assert not any(b"secret" in request.body for request in up.requests)
        finally:
            await house.send("DELETE", "/v1/providers/up")


async def test_a_key_for_some_models_puts_no_others_behind_its_names(house):
    key = (await make(house, scopes=["inference", "providers"], models=["mine-*"]))["key"]
    for method, path, body in (
        ("POST", "/v1/aliases", {"name": "mine-1", "targets": [EXTRACTIVE]}),
        ("PUT", "/v1/aliases/mine-1", {"targets": ["mine-2"], "context_fallbacks": [EXTRACTIVE]}),
        ("PUT", "/v1/aliases/gpt-5", {"targets": ["mine-2"]}),
    ):
        answer = await house.send(method, path, body, key=key)
        assert (answer.status, answer.code) == (403, "not_allowed")

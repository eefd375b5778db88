"""Our signatures against the library of the specification, in the zones where it goes wrong itself."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from roundhouse.features.webhooks.signing import new_secret, signature, signed_headers

BODY = json.dumps(
    {"type": "job.completed", "data": {"message": "xong rồi · הסתיים"}}, ensure_ascii=False
).encode()


@pytest.fixture(params=["UTC", "Asia/Ho_Chi_Minh", "Asia/Jerusalem"])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


def test_a_receiver_takes_what_we_sign(zone: str):
    secret, now_s = new_secret(), int(time.time())
    headers = signed_headers([secret], "evt_1", now_s, BODY)
    assert Webhook(secret).verify(BODY, headers) == json.loads(BODY)
    # The same as the library signs, where it is given a time that it does not take for another.
    assert headers["webhook-signature"] == Webhook(secret).sign(
        "evt_1", datetime.fromtimestamp(now_s, UTC), BODY.decode()
    )


def test_two_secrets_sign_while_one_goes(zone: str):
    new, old, other = new_secret(), new_secret(), new_secret()
    headers = signed_headers([new, old], "evt_2", int(time.time()), BODY)
    for secret in (new, old):
        Webhook(secret).verify(BODY, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(other).verify(BODY, headers)


@pytest.mark.parametrize("changed", ["webhook-id", "webhook-timestamp", "body"])
def test_what_was_changed_is_refused(changed: str):
    secret, now_s = new_secret(), int(time.time())
    headers = signed_headers([secret], "evt_3", now_s, BODY)
    body = BODY + b" " if changed == "body" else BODY
    headers |= {"webhook-id": "evt_4"} if changed == "webhook-id" else {}
    headers |= {"webhook-timestamp": str(now_s - 1)} if changed == "webhook-timestamp" else {}
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(body, headers)


def test_a_known_signature():
    # The example of the specification.
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    body = b'{"test": 2432232314}'
    signed = signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_secret_has_256_bits():
    secret = new_secret()
    assert secret.startswith("whsec_")
    assert len(base64.b64decode(secret[6:])) == 32
    assert new_secret() != secret

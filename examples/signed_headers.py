"""Another system that signs the tenant of each request instead of holding keys. Standard library alone.

The server shares the secret: ROUNDHOUSE_ACCESS__CORE_SECRET. The text that is signed is described in docs/access.md.
"""

import hashlib
import hmac
import json
import os
import time
import urllib.request

URL = os.environ.get("ROUNDHOUSE_URL", "http://localhost:8000")
SECRET = os.environ["CORE_SECRET"]
SIGNED = ("X-Timestamp", "X-Site-Id", "X-User-Id", "X-App-Id", "X-Scopes")


def signed(method: str, path: str, **tenant: str) -> dict[str, str]:
    """Headers that say for whom a request is made."""
    headers = {"X-Timestamp": str(int(time.time())), **tenant}
    text = "\n".join([method, path, *(headers.get(name, "") for name in SIGNED)])
    signature = hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).hexdigest()
    return headers | {"X-Signature": signature}


def call(method: str, path: str, body: object = None) -> dict:
    headers = signed(method, path, **{"X-Site-Id": "north", "X-User-Id": "user-7", "X-Scopes": "inference"})
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(URL + path, data, headers, method=method)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


me = call("GET", "/v1/quotas/me")
print(f"-- {me['user_id']} of {me['site_id']} may: {', '.join(me['scopes'])}")
question = {"role": "user", "content": "The train leaves at nine. When does the train leave?"}
answer = call(
    "POST", "/v1/chat/completions", {"model": os.environ.get("MODEL", "auto"), "messages": [question]}
)
print(answer["choices"][0]["message"]["content"])

"""A JWT per user, made by your own system. The server shares the secret: ROUNDHOUSE_ACCESS__JWT_SECRET."""

import os
import time

import jwt
from openai import OpenAI

token = jwt.encode(
    {"site_id": "north", "sub": "user-7", "scopes": ["inference"], "exp": int(time.time()) + 300},
    os.environ["JWT_SECRET"],
    algorithm="HS256",
)
client = OpenAI(base_url=os.environ.get("ROUNDHOUSE_URL", "http://localhost:8000") + "/v1", api_key=token)

me = client.get("/quotas/me", cast_to=object)
print(f"-- {me['user_id']} of {me['site_id']} may: {', '.join(me['scopes'])}")
answer = client.responses.create(
    model=os.environ.get("MODEL", "auto"), input="Rain fell on Monday. What fell on Monday?"
)
print(answer.output_text)

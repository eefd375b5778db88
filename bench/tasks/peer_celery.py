"""Celery on RabbitMQ: `python peer_celery.py work|submit|drop QUEUE PORT`, late acknowledgement, results by RPC."""

from __future__ import annotations

import http.client
import json
import os
import secrets
import sys
import time

from celery import Celery

MODE, QUEUE, PORT = sys.argv[1:4]
BODY = json.dumps({"expression": "2+3"})

app = Celery("bench", broker=os.environ["BENCH_BROKER"], backend="rpc://")
app.conf.update(
    task_acks_late=True,
    task_default_queue=QUEUE,
    result_persistent=True,
    # Accepted means accepted: the broker confirms each message, which is persistent.
    broker_transport_options={"confirm_publish": True},
    broker_connection_retry_on_startup=True,
)
kept: dict[str, http.client.HTTPConnection] = {}


@app.task(name="call")
def call(body: str) -> str:
    """The call, on a connection that is kept; without a port there is nobody to call."""
    if PORT == "0":
        return body
    connection = kept.setdefault("one", http.client.HTTPConnection("127.0.0.1", int(PORT), timeout=30))
    connection.request("POST", "/solve", body, {"Content-Type": "application/json"})
    return connection.getresponse().read().decode()


def submit() -> None:
    """Each line is a number of tasks: one after the other (`one 5`), or all and then their results (`all 5`)."""
    print("ready", flush=True)
    for line in sys.stdin:
        how, count = line.split()
        took = []
        began_s = time.perf_counter()
        if how == "one":
            for _ in range(int(count)):
                at_s = time.perf_counter()
                call.delay(BODY).get(timeout=60, interval=0.001)
                took.append(time.perf_counter() - at_s)
        else:
            for result in [call.delay(BODY) for _ in range(int(count))]:
                result.get(timeout=120, interval=0.001)
        print(json.dumps({"took": took, "all_s": time.perf_counter() - began_s}), flush=True)


if MODE == "work":
    app.worker_main(["worker", "--loglevel", "ERROR", "--hostname", f"{secrets.token_hex(4)}@%h"])
elif MODE == "submit":
    submit()
else:
    with app.connection_for_write() as connection:
        connection.default_channel.queue_delete(QUEUE)

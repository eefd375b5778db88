"""Celery on RabbitMQ: `python peer_celery.py work|submit|drop QUEUE STAMPS`, late acknowledgement."""

from __future__ import annotations

import os
import secrets
import sys

from celery import Celery
from stamping import stamp, submit_on_demand

MODE, QUEUE, STAMPS = sys.argv[1:4]

app = Celery("bench", broker=os.environ["BENCH_BROKER"])
app.conf.update(
    task_acks_late=True,
    task_ignore_result=True,
    task_default_queue=QUEUE,
    # Accepted means accepted: the broker confirms each message, which is persistent.
    broker_transport_options={"confirm_publish": True},
    broker_connection_retry_on_startup=True,
)


@app.task(name="job")
def job(path: str) -> None:
    """The job."""
    stamp(path)


if MODE == "work":
    app.worker_main(["worker", "--loglevel", "ERROR", "--hostname", f"{secrets.token_hex(4)}@%h"])
elif MODE == "submit":
    submit_on_demand(lambda: job.delay(STAMPS))
else:
    with app.connection_for_write() as connection:
        connection.default_channel.queue_delete(QUEUE)

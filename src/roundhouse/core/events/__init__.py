"""Every type of event that is ever written, with what it tells and the JSON Schema of its data.

The reference page, the webhooks in the OpenAPI document, the AsyncAPI document, what a webhook may ask for and what a
reader of the stream may see are all made from this table. A room that writes a new type adds its line here.
"""

from __future__ import annotations

from roundhouse.core.events.chats import CHATS
from roundhouse.core.events.documents import DOCUMENTS
from roundhouse.core.events.flows import FLOWS
from roundhouse.core.events.house import HOUSE
from roundhouse.core.events.jobs import JOBS
from roundhouse.core.events.model import EventKind as EventKind
from roundhouse.core.events.model import EventTable as EventTable
from roundhouse.core.events.quotas import QUOTAS
from roundhouse.core.events.tasks import TASKS
from roundhouse.core.events.webhooks import WEBHOOKS

EVENTS = EventTable(*JOBS, *DOCUMENTS, *CHATS, *TASKS, *QUOTAS, *FLOWS, *WEBHOOKS, *HOUSE)
"""All of them."""

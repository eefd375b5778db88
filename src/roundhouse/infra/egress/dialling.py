"""What every client does the same way when it opens a connection."""

from __future__ import annotations

import ssl

from roundhouse.core.errors import BadInput
from roundhouse.core.settings import OutboundSettings

USER_AGENT = "roundhouse"
KEEP_IDLE_S = 15.0
"""An idle connection is not used again after this time, unless its server named a shorter one."""


def make_tls(settings: OutboundSettings) -> ssl.SSLContext:
    """A verifying TLS context with the extra authorities; reads files, so call it in a thread.

    Raises:
        BadInput: `outbound.ca_file` cannot be read.
    """
    context = ssl.create_default_context()
    if settings.ca_file is not None:
        try:
            context.load_verify_locations(cafile=str(settings.ca_file))
        except OSError as error:
            raise BadInput(f"outbound.ca_file {settings.ca_file}: {error.strerror or 'not PEM'}.") from error
    context.set_alpn_protocols(["http/1.1"])
    return context

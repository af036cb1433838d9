"""Answers of services, made without any."""

import json
from datetime import UTC, datetime

from exporters.service.reading import Answer

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def answer(said: object, *, status: int = 200, content_type: str = "") -> Answer:
    """An answer with bytes as they are, and anything else as JSON."""
    body = said if isinstance(said, bytes) else json.dumps(said).encode()
    return Answer(body=body, content_type=content_type, status=status, at=AT)

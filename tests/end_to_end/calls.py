"""Requests to the Task Management System behind its load balancer."""

from __future__ import annotations

import http.client
import json
from contextlib import closing
from urllib.parse import urlsplit


def call(stack, method, path, document=None, token=None, **headers):
    """Status and document of an answer; a request on a connection of its own."""
    parts = urlsplit(stack.address)
    headers |= {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    with closing(http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=30)) as connection:
        connection.request(method, path, None if document is None else json.dumps(document).encode(), headers)
        answer = connection.getresponse()
        body = answer.read()
    return answer.status, json.loads(body) if body else None

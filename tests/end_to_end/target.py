"""A target as a service's container would be: uvicorn, with its usual end at SIGTERM. `python target.py PORT NAME`."""

from __future__ import annotations

import asyncio
import sys

import uvicorn


async def application(scope, receive, send):
    if scope["type"] != "http":
        return
    delay = scope["path"].partition("/slow/")[2]
    if delay:
        await asyncio.sleep(float(delay))
    headers = [(b"content-type", b"text/plain")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": sys.argv[2].encode()})


if __name__ == "__main__":
    uvicorn.run(application, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", access_log=False)

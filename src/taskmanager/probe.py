"""Asks a URL and ends with 0 if the answer is 200: a health command where there is no curl.

Run by path, `python -I -S taskmanager/probe.py http://localhost:8000/health`: it loads the socket module and no other, since
it runs every few seconds in every task.
"""

import socket
import sys

TIMEOUT_SECONDS = 4.0


def probe(url: str) -> int:
    """0: answered 200; 1: anything else."""
    address, _, path = url.removeprefix("http://").partition("/")
    host, _, port = address.partition(":")
    request = f"GET /{path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nUser-Agent: probe\r\n\r\n"
    try:
        with socket.create_connection((host, int(port or 80)), TIMEOUT_SECONDS) as connection:
            connection.sendall(request.encode("ascii"))
            answer = connection.recv(4096)
    except OSError as error:
        print(f"{url}: {error}", file=sys.stderr)  # noqa: T201
        return 1
    status = answer.partition(b"\r\n")[0].decode("latin-1")
    print(status)  # noqa: T201
    return 0 if status.split(" ")[1:2] == ["200"] else 1


if __name__ == "__main__":
    sys.exit(probe(sys.argv[1]))

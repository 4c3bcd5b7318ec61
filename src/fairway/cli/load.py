"""fairway load: requests at a steady rate to an address on this machine, until Ctrl-C."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fairway.errors import UsageError
from fairway.load.address import Address, read_address

if TYPE_CHECKING:
    import argparse

    from fairway.cli.output import Output
    from fairway.load.generator import Load, LoadPlan
    from fairway.load.tally import Summary
    from fairway.project.model import Environment

EXAMPLES = """  fairway load                                    the local load balancer, 300 requests/s, until Ctrl-C
  fairway load --rate 500 --seconds 30            for half a minute
  fairway load http://127.0.0.1:8080 --path /version --path /health
  fairway load --new-connections --json           a connection for each request; one JSON object a second
Latency counts from when a request was to be sent. Answers of 400 and more, refused, reset or late ones count as failed;
the exit code is 1 if any failed. Only addresses of this machine (127.0.0.1) are taken.
"""
_REGION = "us-east-1"
_SHOWN_FAILURES = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument(
        "url", nargs="?", metavar="URL", help="http://127.0.0.1:PORT[/PATH] (default: the local load balancer)"
    )
    parser.add_argument("--rate", type=float, default=300.0, metavar="N", help="requests per second (default: 300)")
    parser.add_argument("--seconds", type=float, metavar="N", help="how long (default: until Ctrl-C)")
    parser.add_argument(
        "--connections", type=int, default=20, metavar="N", help="at most so many at a time (default: 20)"
    )
    parser.add_argument("--new-connections", action="store_true", help="a new connection for each request")
    parser.add_argument(
        "--path", action="append", metavar="P", help="what to ask for; several are taken in turn (default: /)"
    )
    parser.add_argument(
        "--timeout", type=float, default=10.0, metavar="N", help="seconds until an answer is too late (default: 10)"
    )


def run(arguments: argparse.Namespace, out: Output) -> int:
    """Send until the end; 1 if a request failed."""
    from fairway.load.generator import Load, LoadPlan  # noqa: PLC0415 - after the usage was found right

    address = read_address(arguments.url) if arguments.url else None
    _check(arguments)
    address = address or _find_address(arguments.env)
    plan = LoadPlan(
        address=address,
        rate=arguments.rate,
        paths=tuple(arguments.path or (address.path,)),
        seconds=arguments.seconds,
        connections=arguments.connections,
        new_connections=arguments.new_connections,
        timeout_seconds=arguments.timeout,
    )
    load = Load(plan)
    _begin(plan, out)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        total = runner.run(_send(load, out))
    _conclude(load, total, out)
    return 1 if total.failed else 0


def _check(arguments: argparse.Namespace) -> None:
    for name in ("rate", "seconds", "connections", "timeout"):
        value = getattr(arguments, name)
        if value is not None and not 0 < value < float("inf"):
            raise UsageError(f"--{name} must be greater than 0", hint="fairway load --help")
    for path in arguments.path or ():
        if not path.startswith("/") or not path.isascii() or any(c <= " " for c in path):
            raise UsageError(f"--path {path!r}: a path begins with / and has no spaces", hint="encode it: %20")


def _find_address(environment: str | None) -> Address:
    from fairway.aws.session import connect  # noqa: PLC0415 - boto3 is only needed without a URL
    from fairway.load.balancer import find_balancer  # noqa: PLC0415
    from fairway.project.model import LOCAL  # noqa: PLC0415

    if environment not in {None, LOCAL}:
        raise UsageError(
            f"load is sent on this machine alone, not to {environment}", hint="leave --env out, or use --env local"
        )
    return find_balancer(connect(_local_environment()))


def _local_environment() -> Environment:
    """The local environment of the project around us; outside of a project, that of any engine."""
    from fairway.project.load import DEFAULT_ENDPOINT, find_project_file, load_project  # noqa: PLC0415
    from fairway.project.model import LOCAL, Environment  # noqa: PLC0415

    try:
        find_project_file(Path.cwd())
    except UsageError:
        endpoint = os.environ.get("FAIRWAY_ENDPOINT") or DEFAULT_ENDPOINT
        return Environment(LOCAL, "default", _REGION, endpoint_url=endpoint)
    return load_project(Path.cwd(), LOCAL).environment


def _loop_factory() -> Any:
    try:
        import uvloop  # noqa: PLC0415 - cheaper, where it is installed
    except ImportError:
        return None
    return uvloop.new_event_loop


async def _send(load: Load, out: Output) -> Summary:
    from fairway.load.published import Publisher  # noqa: PLC0415

    publisher = Publisher(str(load.plan.address), load.plan.address.port)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, load.stop)

    def report(second: Summary) -> None:
        total = load.summary()
        publisher.publish(second, total)
        out.counter(_line(second, total))
        out.event("second", **second.document(), total_requests=total.requests, total_failed=total.failed)

    try:
        return await load.run(report)
    finally:
        publisher.remove()


def _begin(plan: LoadPlan, out: Output) -> None:
    kind = "a new connection each" if plan.new_connections else f"keep-alive, at most {plan.connections} connections"
    until = "until Ctrl-C" if plan.seconds is None else f"for {plan.seconds:g} s"
    out.note(f"{plan.rate:g} requests/s to {plan.address} ({', '.join(plan.paths)}), {kind}, {until}")


def _line(second: Summary, total: Summary) -> str:
    failed = f"{second.failed} failed"
    if total.failed:
        failed += f" ({total.failed} of {total.requests:,} in all)"
    return f"{second.rate:,.0f} requests/s, {failed}, {_latencies(second)}"


def _latencies(summary: Summary) -> str:
    if summary.p50_ms is None or summary.p95_ms is None or summary.p99_ms is None:
        return "no answer"
    return f"p50 {summary.p50_ms:.1f} ms, p95 {summary.p95_ms:.1f} ms, p99 {summary.p99_ms:.1f} ms"


def _conclude(load: Load, total: Summary, out: Output) -> None:
    """The summary, with the first failures."""
    failures = [
        {"at": f.at.isoformat(), "path": f.path, "kind": f.kind, "detail": f.detail, "new_connection": f.new_connection}
        for f in load.failures[:_SHOWN_FAILURES]
    ]
    if out.is_terminal:
        out.text()  # the counter stands there
    out.event("summary", address=str(load.plan.address), **total.document(), first_failures=failures)
    word = "failed" if not total.failed else out.paint("failed", "red")
    out.text(f"{total.requests:,} requests in {total.seconds:.1f} s, {total.failed:,} {word}, {_latencies(total)}")
    for kind, count in sorted(total.kinds.items(), key=lambda item: -item[1]):
        out.text(f"  {count:,} times {kind}")
    for failure in load.failures[:_SHOWN_FAILURES]:
        detail = f" ({failure.detail})" if failure.detail else ""
        out.text(f"    {failure.at:%H:%M:%S.%f} {failure.path}: {failure.kind}{detail}")

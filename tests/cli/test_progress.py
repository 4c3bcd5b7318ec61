"""Lines where there is no terminal."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any

from tests.deployment.builders import T0, a_picture, a_rollout, a_service

from fairway.cli.output import Output
from fairway.cli.progress import SILENCE_SECONDS, Lines
from fairway.deployment.progress import Change


def test_after_a_minute_without_news_a_line_says_how_it_stands():
    stream, moments = io.StringIO(), [0.0]
    aws: Any = SimpleNamespace(now=lambda: T0)
    lines = Lines(Output(stream=stream), aws, moment=lambda: moments[0])
    picture = a_picture(a_service(a_rollout(desired=3, running=2, pending=1), a_rollout(1, status="ACTIVE", running=1)))

    def told():
        lines.picture(picture)
        said = stream.getvalue().splitlines()
        stream.seek(0)
        stream.truncate()
        return said

    assert told() == []
    moments[0] = SILENCE_SECONDS
    assert told() == ["12:00:00 api                  goes on: 3 of 3 tasks run, 1 pending; 2 revisions"]
    assert told() == [], "for another minute"
    moments[0] = 2 * SILENCE_SECONDS
    lines.change(Change("task", "api", "something happens"))
    assert told() == ["12:00:00 api                  something happens"]

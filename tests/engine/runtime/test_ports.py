from __future__ import annotations

import socket

import pytest

from fairway.engine.model.network import PortBinding
from fairway.engine.runtime.health_command import health_argv
from fairway.engine.runtime.ports import REST_SECONDS, PortBook
from fairway.engine.runtime.protocol import PortRequest, RuntimeRefusal

RANGE = range(20400, 20405)
WEB = [PortRequest("web", 80)]


class Wall:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def first_port(book: PortBook, task: str) -> int:
    return book.reserve(task, WEB)[0].host_port


def test_the_answers_outlive_the_engine(tmp_path):
    book = PortBook(tmp_path / "ports.json", RANGE)
    given = book.reserve("a", [*WEB, PortRequest("web", 81)])
    again = PortBook(tmp_path / "ports.json", RANGE)
    assert again.reserve("a", WEB) == given
    assert first_port(again, "b") not in {binding.host_port for binding in given}


def test_a_port_rests_before_it_is_given_again(tmp_path):
    wall = Wall()
    book = PortBook(tmp_path / "ports.json", range(20400, 20401), wall=wall)
    first_port(book, "a")
    book.release("a")
    for again in (book, PortBook(tmp_path / "ports.json", range(20400, 20401), wall=wall)):
        with pytest.raises(RuntimeRefusal, match="no port"):
            first_port(again, "b")
    wall.now += REST_SECONDS + 0.1
    assert first_port(book, "b") == 20400


def test_a_port_that_somebody_listens_on_is_left_out(tmp_path):
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        port = listening.getsockname()[1]
        with pytest.raises(RuntimeRefusal, match="no port"):
            first_port(PortBook(tmp_path / "ports.json", range(port, port + 1)), "a")


def test_ports_are_given_in_turn(tmp_path):
    book = PortBook(tmp_path / "ports.json", RANGE)
    assert sorted(first_port(book, task) for task in "abcde") == list(RANGE)


def test_a_note_that_cannot_be_written_is_a_refusal_in_ecs_s_words(tmp_path):
    book = PortBook(tmp_path / "missing" / "ports.json", RANGE)
    with pytest.raises(RuntimeRefusal, match=r"^ResourceInitializationError: "):
        book.reserve("a", WEB)
    assert book.of("a") == ()


def test_a_damaged_note_is_none(tmp_path):
    (tmp_path / "ports.json").write_text('{"tasks"')
    assert first_port(PortBook(tmp_path / "ports.json", RANGE), "a") in RANGE


@pytest.mark.parametrize(
    ("command", "argv"),
    [
        (
            ["CMD-SHELL", "curl -f http://localhost:8000/ || exit 1"],
            ["/bin/sh", "-c", "curl -f http://localhost:20400/ || exit 1"],
        ),
        (["CMD", "probe", "127.0.0.1:8000"], ["probe", "127.0.0.1:20400"]),
        (["CMD", "probe", "0.0.0.0:8000", "[::1]:8001"], ["probe", "0.0.0.0:20400", "[::1]:20401"]),
        (["CMD", "probe", "localhost:80000", "localhost:8002"], ["probe", "localhost:80000", "localhost:8002"]),
        (
            ["CMD", "probe", "db.localhost:8000", "10.127.0.0.1:8000"],
            ["probe", "db.localhost:8000", "10.127.0.0.1:8000"],
        ),
        (["CMD", "probe", "--port", "8000"], ["probe", "--port", "8000"]),
        (["exit 0"], ["/bin/sh", "-c", "exit 0"]),
        (["probe", "localhost:8001"], ["probe", "localhost:20401"]),
    ],
)
def test_a_health_command_finds_the_task_s_own_ports(command, argv):
    ports = (PortBinding("web", 8000, 20400), PortBinding("side", 8001, 20401))
    assert health_argv(command, ports) == argv

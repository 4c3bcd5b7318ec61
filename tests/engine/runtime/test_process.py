from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.engine.runtime.worlds import World, a_world, folder, make_image, until  # noqa: F401 - a fixture

from fairway.engine.model.facts import (
    ContainerExited,
    ContainerLost,
    ContainerStarted,
    ContainerStartFailed,
    HealthChecked,
    ImagePulled,
    ImagePullFailed,
)
from fairway.engine.model.logrecord import MAX_MESSAGE_BYTES
from fairway.engine.runtime.container_folder import ContainerFolder, marked_processes
from fairway.engine.runtime.images import ImageConfig
from fairway.engine.runtime.process import LOST_SHIM
from fairway.engine.runtime.protocol import ContainerRef, PortRequest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.slow
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
APP = ContainerRef("0123456789abcdef0123456789abcdef", "app")
SLEEP = "import time; print('up'); time.sleep(300)"


@pytest.fixture
async def world(folder: Path) -> AsyncIterator[World]:  # noqa: F811
    async with a_world(folder) as made:
        yield made


def container_folder(world: World, ref: ContainerRef = APP) -> ContainerFolder:
    return ContainerFolder(world.root / "tasks", ref)


def mark(world: World, ref: ContainerRef = APP) -> str:
    found = container_folder(world, ref).mark
    assert found is not None
    return found


def shim_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def kernel_file(pid: int, name: str) -> bytes:
    return Path(f"/proc/{pid}/{name}").read_bytes()


def pid_of(world: World, ref: ContainerRef = APP) -> int:
    began = container_folder(world, ref).began()
    assert began is not None
    return began.pid


# -- running -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("program", "code"),
    [
        pytest.param("pass", 0, id="an ordinary end"),
        pytest.param("raise SystemExit(3)", 3, id="an exit code"),
        pytest.param("import os; os.kill(os.getpid(), 15)", 143, id="a signal is 128 and its number"),
        pytest.param("import os; os.kill(os.getpid(), 11)", 139, id="a crash"),
    ],
)
async def test_the_exit_code_is_told(world, program, code):
    world.runtime.start(world.spec(APP, program))
    exited = await world.fact(ContainerExited, APP)
    assert (exited.exit_code, exited.reason) == (code, None)
    assert [type(fact) for fact in world.facts] == [ContainerStarted, ContainerExited]


async def test_every_line_is_kept_in_order_also_the_last_one_without_newline(world):
    world.runtime.start(world.spec(APP, "[print('line', n) for n in range(20000)]; print('end', end='')"))
    await world.fact(ContainerExited, APP)
    assert world.lines() == [*(f"line {n}" for n in range(20000)), "end"]


async def test_a_line_of_ten_megabytes_becomes_several_records_and_nothing_of_it_is_lost(world):
    text = "ä\\" * 3_500_000
    world.runtime.start(world.spec(APP, "print('ä\\\\' * 3500000); print('next')"))
    await world.fact(ContainerExited, APP)
    lines = world.lines()
    assert lines[-1] == "next"
    assert "".join(lines[:-1]) == text
    assert all(len(line.encode()) <= MAX_MESSAGE_BYTES for line in lines)
    assert len(list((world.root / "logs" / "app").glob("*.log"))) > 1


async def test_stop_sends_the_image_s_stop_signal(world):
    world.image = make_image(world.store, ImageConfig(stop_signal="SIGUSR2"))
    program = "import signal, sys; signal.signal(signal.SIGUSR2, lambda *_: sys.exit(7)); print('up'); signal.pause()"
    world.runtime.start(world.spec(APP, program))
    await until(world.lines)
    world.runtime.stop(APP, grace_seconds=30)
    assert (await world.fact(ContainerExited, APP)).exit_code == 7


async def test_a_task_that_ignores_sigterm_is_killed_after_its_grace(world):
    program = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up'); time.sleep(300)"
    world.runtime.start(world.spec(APP, program))
    await until(world.lines)
    world.runtime.stop(APP, grace_seconds=0.3)
    assert (await world.fact(ContainerExited, APP)).exit_code == 137


async def test_what_a_container_forked_ends_with_it_however_it_hid(world):
    program = """
import os, sys, time
for _ in range(2):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            while True: time.sleep(300)
        os._exit(0)
print('up')
time.sleep(0.2)
"""
    world.runtime.start(world.spec(APP, program))
    await world.fact(ContainerExited, APP)
    assert marked_processes(mark(world)) == []


async def test_a_second_start_is_harmless(world):
    world.runtime.start(world.spec(APP, SLEEP))
    world.runtime.start(world.spec(APP, SLEEP))
    await world.fact(ContainerStarted, APP)
    world.runtime.start(world.spec(APP, SLEEP))
    await until(world.lines)
    assert len(world.facts) == 1
    assert world.lines() == ["up"]


async def test_usage_is_measured(world):
    world.runtime.start(world.spec(APP, "block = bytearray(50_000_000)\nwhile True: pass"))

    def measured():
        usage = world.runtime.usage().get(APP)
        # the first measurement may come before the program has got anywhere
        return usage is not None and usage.memory_bytes > 50_000_000 and usage.cpu_seconds > 0.3

    await until(measured)


async def test_a_task_that_needs_more_memory_than_its_limit_is_killed(world):
    program = "import time; blocks = []\nwhile True: blocks.append(b'x' * 5_000_000); time.sleep(0.02)"
    world.runtime.start(world.spec(APP, program, memory_limit_mib=64))
    exited = await world.fact(ContainerExited, APP)
    assert (exited.exit_code, exited.reason) == (137, "OutOfMemoryError: Container killed due to memory usage")


async def test_without_control_groups_the_shim_holds_the_memory_limit(world):
    world.runtime._launcher._groups._base = None
    program = "import os, time; os.fork(); block = b'x' * 60_000_000; time.sleep(300)"
    world.runtime.start(world.spec(APP, program, memory_limit_mib=96))
    exited = await world.fact(ContainerExited, APP)
    assert (exited.exit_code, exited.reason) == (137, "OutOfMemoryError: Container killed due to memory usage")


# -- what it finds -----------------------------------------------------------------------------------------------------


async def test_a_container_s_surroundings(world):
    ports = world.runtime.attach_network(APP.task_id, [PortRequest("app", 8000), PortRequest("side", 9000)])
    program = """
import json, os, sys
status = dict(line.split(':', 1) for line in open('/proc/self/status').read().splitlines())
open(os.environ['HOME'] + '/a', 'w').close(); open(os.environ['TMPDIR'] + '/b', 'w').close()
mask = os.umask(0)
print(json.dumps({'env': dict(os.environ), 'cwd': os.getcwd(), 'mask': mask, 'groups': os.getgroups(),
    'nnp': status['NoNewPrivs'].strip(), 'fds': sorted(os.listdir('/proc/self/fd')), 'ids': [os.getresuid(), os.getresgid()],
    'session': os.getsid(0) == os.getpid(), 'ignored': status['SigIgn'].strip(), 'argv': sys.argv}))
"""
    world.runtime.start(
        world.spec(APP, program, environment={"SECRET": "s3cret", "PORT": "8000"}, ports=ports, user="1234:1235")
    )
    await world.fact(ContainerExited, APP)
    found = json.loads(world.lines()[0])
    assert found["env"]["SECRET"] == "s3cret"
    assert found["env"]["PORT"] == found["env"]["FAIRWAY_PORT_8000"] == str(ports[0].host_port)
    assert found["env"]["FAIRWAY_PORT_9000"] == str(ports[1].host_port)
    assert found["cwd"] == found["env"]["PYTHONPATH"] == str(world.image.app)
    assert found["mask"] == 0o002
    assert found["nnp"] == "1"
    assert set(found["fds"]) <= {"0", "1", "2", "3"}  # the fourth is that of the listing itself
    assert found["session"]
    if os.geteuid() == 0:
        assert found["ids"] == [[1234] * 3, [1235] * 3]
        assert found["groups"] == []


async def test_secrets_stand_in_no_file_and_on_no_command_line(world):
    world.runtime.start(world.spec(APP, SLEEP, environment={"SECRET": "s3cret-in-no-file"}))
    await world.fact(ContainerStarted, APP)
    await until(world.lines)
    files = [path for path in world.root.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if b"s3cret-in-no-file" in path.read_bytes()]
    for pid in marked_processes(mark(world)):
        assert b"s3cret" not in kernel_file(pid, "cmdline") + kernel_file(shim_of(pid), "environ")


@AS_ROOT
@pytest.mark.parametrize("user", ["0", "root", "0:0", "1000:0"])
async def test_root_is_refused_unless_it_is_allowed(world, user):
    world.runtime.start(world.spec(APP, "pass", user=user))
    failed = await world.fact(ContainerStartFailed, APP)
    assert failed.reason.startswith("CannotStartContainerError: ")
    assert "--allow-root-tasks" in failed.reason


@AS_ROOT
async def test_root_may_be_allowed(folder):  # noqa: F811
    async with a_world(folder, allow_root=True) as world:
        world.runtime.start(world.spec(APP, "import os; print(os.getuid())", user="0"))
        await world.fact(ContainerExited, APP)
        assert world.lines() == ["0"]


@AS_ROOT
async def test_without_a_user_it_is_nobody(world):
    world.runtime.start(world.spec(APP, "import os; print(os.getuid(), os.getgid())"))
    await world.fact(ContainerExited, APP)
    assert world.lines() == ["65534 65534"]


# -- what cannot be started --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"command": ("no-such-program",)}, 'exec: "no-such-program": executable file not found in $PATH'),
        ({"command": ("/etc/passwd",)}, 'exec: "/etc/passwd": permission denied'),
        ({"command": ("/no/such",)}, 'exec: "/no/such": no such file or directory'),
        ({"command": ()}, "no command specified for container app"),
        (
            {"working_directory": "/no/such/folder"},
            'chdir to cwd ("/no/such/folder") failed: no such file or directory',
        ),
        ({"image_digest": "sha256:" + "0" * 64}, "the image"),
    ],
)
async def test_what_cannot_be_started_says_why(world, changes, text):
    world.runtime.start(world.spec(APP, "pass", **changes))
    failed = await world.fact(ContainerStartFailed, APP)
    assert failed.reason.startswith(f"CannotStartContainerError: {text}")
    assert len(world.facts) == 1


async def test_a_pull_finds_the_image_or_says_so_as_ecs_does(world):
    world.runtime.pull(APP, "registry/app:1", world.image.digest)
    assert (await world.fact(ImagePulled, APP)).digest == world.image.digest
    for digest in (None, "sha256:" + "1" * 64):
        world.facts.clear()
        world.runtime.pull(APP, "registry/app:2", digest)
        failed = await world.fact(ImagePullFailed, APP)
        assert failed.reason == (
            "CannotPullContainerError: pull image manifest has been retried 5 time(s): failed to resolve ref "
            "registry/app:2: registry/app:2: not found"
        )


# -- health commands ---------------------------------------------------------------------------------------------------


async def test_a_health_command_reaches_the_task_s_own_port(world):
    ports = world.runtime.attach_network(APP.task_id, [PortRequest("app", 8000)])
    program = """
import http.server, os
server = http.server.HTTPServer(('127.0.0.1', int(os.environ['PORT'])), http.server.SimpleHTTPRequestHandler)
print('up'); server.serve_forever()
"""
    world.runtime.start(world.spec(APP, program, ports=ports))
    await until(world.lines)
    script = "import urllib.request as r; print(r.urlopen('http://localhost:8000/').status)"
    world.runtime.check_health(APP, ["CMD-SHELL", f'python -c "{script}" || exit 1'], timeout_seconds=10)
    checked = await world.fact(HealthChecked, APP)
    assert (checked.healthy, checked.output) == (True, "200\n")
    assert 0 < checked.duration_seconds < 10


async def test_a_health_command_s_exit_code_counts_and_its_output_is_cut(world):
    world.runtime.start(world.spec(APP, SLEEP))
    await world.fact(ContainerStarted, APP)
    world.runtime.check_health(APP, ["CMD", "python", "-c", "print('x' * 99999); exit(1)"], timeout_seconds=10)
    checked = await world.fact(HealthChecked, APP)
    assert not checked.healthy
    assert checked.output == "x" * 4096
    world.runtime.check_health(APP, ["CMD", "no-such-program"], timeout_seconds=10)
    missing = await world.fact(HealthChecked, APP, count=2)
    assert not missing.healthy
    assert "executable file not found" in missing.output


async def test_a_health_command_that_hangs_is_killed_with_all_that_it_started(world):
    world.runtime.start(world.spec(APP, SLEEP))
    await world.fact(ContainerStarted, APP)
    text = "echo begun; (trap '' TERM; sleep 301 & sleep 302) & sleep 303"
    world.runtime.check_health(APP, ["CMD-SHELL", text], timeout_seconds=0.5)
    checked = await world.fact(HealthChecked, APP)
    assert not checked.healthy
    assert checked.output.startswith("Health check exceeded timeout")
    assert "begun" in checked.output
    await until(lambda: marked_processes(mark(world)) == [pid_of(world)])


# -- faults ------------------------------------------------------------------------------------------------------------


async def test_a_killed_shim_takes_its_container_along_and_the_engine_notices_at_once(world):
    world.runtime.start(world.spec(APP, "import os, time; os.fork(); os.write(1, b'up\\n'); time.sleep(300)"))
    await until(lambda: len(world.lines()) == 2)
    os.kill(shim_of(pid_of(world)), signal.SIGKILL)
    exited = await world.fact(ContainerExited, APP, within=3)
    assert (exited.exit_code, exited.reason) == (137, LOST_SHIM)
    assert marked_processes(mark(world)) == []


async def test_the_next_engine_adopts_what_lives_and_learns_what_it_missed(world):
    ended, lost = ContainerRef(APP.task_id, "ended"), ContainerRef(APP.task_id, "lost")
    foreign, never = ContainerRef("f" * 32, "app"), ContainerRef("a" * 32, "app")
    world.runtime.attach_network(APP.task_id, [PortRequest("app", 8000)])
    for ref in (APP, ended, lost, foreign):
        world.runtime.start(world.spec(ref, SLEEP))
    for ref in (APP, ended, lost):
        await world.fact(ContainerStarted, ref)
    await world.fact(ContainerStarted, foreign, count=2)
    started_at = world.facts[0].at
    await world.runtime.close(leave_running=True)
    alive, foreign_mark = pid_of(world), mark(world, foreign)
    os.kill(pid_of(world, ended), signal.SIGTERM)
    os.kill(shim_of(pid_of(world, lost)), signal.SIGKILL)
    await until(lambda: container_folder(world, ended).ended())
    world.facts.clear()
    world.renew()
    await world.runtime.open()
    await world.runtime.adopt([APP, ended, lost, never])
    assert abs(((await world.fact(ContainerStarted, APP)).at - started_at).total_seconds()) < 2
    assert pid_of(world) == alive
    assert (await world.fact(ContainerExited, ended)).exit_code == 143
    assert (await world.fact(ContainerExited, lost)).exit_code == 137
    assert (await world.fact(ContainerLost, never)).task_id == never.task_id
    assert len(world.facts) == 4
    await until(lambda: marked_processes(foreign_mark) == [])
    assert not container_folder(world, foreign).path.exists()
    world.runtime.check_health(APP, ["CMD", "python", "-c", "pass"], timeout_seconds=10)
    assert (await world.fact(HealthChecked, APP)).healthy
    world.runtime.stop(APP, grace_seconds=5)
    assert (await world.fact(ContainerExited, APP)).exit_code == 143


async def test_a_start_that_was_cut_off_is_lost_and_can_be_made_again(world):
    container_folder(world).intend(world.runtime._launcher._mark(APP), None)
    await world.runtime.adopt([APP])
    await world.fact(ContainerLost, APP)
    world.runtime.start(world.spec(APP, SLEEP))
    await world.fact(ContainerStarted, APP)


async def test_a_start_of_what_an_earlier_engine_started_finds_it(world):
    world.runtime.start(world.spec(APP, SLEEP))
    await world.fact(ContainerStarted, APP)
    pid = pid_of(world)
    await world.runtime.close(leave_running=True)
    world.renew()
    await world.runtime.open()
    world.runtime.start(world.spec(APP, SLEEP))
    await world.fact(ContainerStarted, APP, count=2)
    assert pid_of(world) == pid
    os.kill(pid, signal.SIGKILL)
    await world.fact(ContainerExited, APP)


async def test_a_broken_connection_is_no_dead_container(world):
    world.runtime.start(world.spec(APP, SLEEP))
    await world.fact(ContainerStarted, APP)
    link = world.runtime._containers[APP].link
    broken = link._writer
    broken.transport.abort()
    await until(lambda: link._writer is not broken)
    world.runtime.stop(APP, grace_seconds=5)
    assert (await world.fact(ContainerExited, APP)).exit_code == 143
    assert len(world.facts) == 2


async def test_a_process_id_that_was_used_again_is_never_signalled(world):
    world.runtime.start(world.spec(APP, SLEEP))
    await world.fact(ContainerStarted, APP)
    await world.runtime.close(leave_running=True)
    os.kill(shim_of(pid_of(world)), signal.SIGKILL)
    await until(lambda: not container_folder(world).is_held())
    note = container_folder(world).path / "started.json"
    note.write_text(json.dumps(json.loads(note.read_text()) | {"pid": os.getpid()}))
    world.renew()
    await world.runtime.open()
    await world.runtime.adopt([APP])
    assert (await world.fact(ContainerExited, APP)).exit_code == 137
    world.runtime.release(APP.task_id)
    await until(lambda: not container_folder(world).path.exists())


async def test_release_kills_what_lives_and_leaves_nothing(world):
    ports = world.runtime.attach_network(APP.task_id, [PortRequest("app", 8000)])
    assert world.runtime.attach_network(APP.task_id, [PortRequest("app", 8000)]) == ports
    world.runtime.start(world.spec(APP, SLEEP, memory_limit_mib=100))
    await world.fact(ContainerStarted, APP)
    its_mark = mark(world)
    world.runtime.release(APP.task_id)
    await until(lambda: not (world.root / "tasks" / APP.task_id).exists())
    assert marked_processes(its_mark) == []
    assert list((world.root / "scratch").iterdir()) in ([], [world.root / "scratch" / "origin"])
    assert [fact for fact in world.facts if isinstance(fact, ContainerExited)] == []


async def test_closing_stops_everything_and_the_next_engine_hears_of_it(world):
    world.runtime.start(world.spec(APP, SLEEP))
    await world.fact(ContainerStarted, APP)
    await world.runtime.close(leave_running=False)
    assert marked_processes(mark(world)) == []
    world.facts.clear()
    world.renew()
    await world.runtime.open()
    await world.runtime.adopt([APP])
    assert (await world.fact(ContainerExited, APP)).exit_code == 143

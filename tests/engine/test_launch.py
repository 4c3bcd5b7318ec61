from __future__ import annotations

import signal
import subprocess

import pytest
from tests.ports import free_port

from fairway.engine.launch import Launch, start

pytestmark = pytest.mark.slow


def test_ctrl_c_while_the_process_is_being_made_leaves_none(tmp_path, monkeypatch):
    made, popen = [], subprocess.Popen

    def interrupted(*words, **options):
        made.append(popen(*words, **options))
        signal.raise_signal(signal.SIGINT)
        return made[-1]

    monkeypatch.setattr(subprocess, "Popen", interrupted)
    with pytest.raises(KeyboardInterrupt):
        start(Launch(tmp_path / "data", free_port()))
    assert made[0].poll() is not None
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler

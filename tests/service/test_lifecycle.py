"""One engine per home: starts, second starts, stale files, folders, ends. Engines of their own."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path

import pytest

from engine.errors import EngineUnavailable
from engine.paths import Home
from engine.service.address import Connection, check_private
from plugin.likeness.client import Client, EngineProblem
from plugin.likeness.launch import ensure_engine
from tests.service.engines import Run, command, connection, edit, kill, lives, start, start_process, wait_until


def test_f05_started_by_twenty_at_once(home: Home) -> None:
    found: list[int] = []

    def come() -> None:
        found.append(start(home).status()["pid"])

    threads = [threading.Thread(target=come) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 20
    assert len(set(found)) == 1


def test_f05_two_serve_at_once(home: Home) -> None:
    processes = [start_process(home, command()) for _ in range(2)]
    wait_until(lambda: any(process.poll() is not None for process in processes))
    second = next(process for process in processes if process.poll() is not None)
    first = next(process for process in processes if process is not second)
    assert (second.communicate()[1], second.returncode) == (b"runs already\n", 0)
    assert Client.connect(home.root).status()["pid"] == first.pid
    Client.connect(home.root).stop()
    assert (first.communicate()[1], first.returncode) == (b"served\n", 0)


def test_f06_a_second_serve_leaves_the_first_alone(home: Home) -> None:
    client = start(home)
    address = connection(home)["address"].removeprefix("unix:")
    second = start_process(home, command())
    assert second.communicate(timeout=10)[1] == b"runs already\n"
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(address)
    assert client.status()["boot_id"] == connection(home)["boot_id"]


def test_starting_while_one_ends(home: Home) -> None:
    client = start(home)
    boot_id = client.status()["boot_id"]
    run = Run(client, edit(client, seconds=10))
    run.wait_for_work()
    client.stop()
    with pytest.raises(EngineProblem):
        Client.connect(home.root)  # from here on nobody finds it
    assert start(home).status()["boot_id"] != boot_id


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, None])
def test_graceful_end(home: Home, number: int | None) -> None:
    client = start(home)
    pid = client.status()["pid"]
    run = Run(client, edit(client, seconds=10))
    run.wait_for_work()
    if number is None:
        client.stop()
    else:
        os.kill(pid, number)
    run.wait()
    assert run.events[-1]["event"] == "cancelled"
    wait_until(lambda: not lives(pid))
    assert not home.connection_file.exists()
    assert not (home.run / "engine.sock").exists()
    assert list(home.spool.iterdir()) == []


def test_f06_after_a_kill_stale_files_are_replaced(home: Home) -> None:
    pid = start(home).status()["pid"]
    kill(pid)
    wait_until(lambda: not lives(pid))
    assert (home.run / "engine.sock").exists()
    assert connection(home)["pid"] == pid
    (home.spool / f"{'ab' * 32}.raw").write_bytes(b"somebody's face")
    assert start(home).status()["pid"] != pid
    assert list(home.spool.iterdir()) == []


def test_f07_a_stale_connection_file_never_harms_its_pid(home: Home) -> None:
    """The pid in a stale file may be anybody's by now: here it is this test's."""
    home.create()
    stale = {"address": "unix:/nowhere", "token": "00", "protocol": 1, "version": "0", "boot_id": "0"}
    home.connection_file.touch(0o600)
    home.connection_file.write_text(json.dumps(stale | {"pid": os.getpid()}))
    assert start(home).status()["pid"] != os.getpid()


def test_f07_another_engine_at_the_address(home: Home) -> None:
    """What answers is an engine, but not the one that the file names: the greeting fails, a new one starts."""
    client = start(home)
    stale = connection(home) | {"boot_id": "00" * 16, "pid": os.getpid()}
    home.connection_file.write_text(json.dumps(stale))
    with pytest.raises(EngineProblem, match="Another engine") as caught:
        Client.connect(home.root)
    assert caught.value.code == "engine_unavailable"
    client.stop()
    assert start(home).status()["pid"] not in (stale["pid"], os.getpid())


@pytest.mark.parametrize("folder", ["", "run", "run/spool", "inversions", "models", "logs"])
def test_f14_folders_open_to_others_are_refused(home: Home, folder: str) -> None:
    home.create()
    (home.root / folder).chmod(0o710)
    with pytest.raises(EngineUnavailable, match="can be entered by others") as caught:
        check_private(home)
    assert "chmod 700" in caught.value.remedy


def test_f14_refused_folders_are_reported_by_the_start(home: Home) -> None:
    home.create()
    home.inversions.chmod(0o755)
    with pytest.raises(EngineProblem, match="chmod 700") as caught:
        start(home)
    assert caught.value.code == "engine_unavailable"


def test_f08_long_path_with_a_runtime_folder(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = home.root / "rt"
    runtime.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    far = Home(home.root / ("long-" * 20))
    client = start(far)
    path = Path(connection(far)["address"].removeprefix("unix:"))
    assert path.parent.parent == runtime
    assert path.parent.stat().st_mode & 0o777 == 0o700
    client.stop()
    wait_until(lambda: not path.parent.exists())


def test_f08_long_path_without_a_runtime_folder(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    open_to_all = home.root / "open"
    open_to_all.mkdir(mode=0o777)
    open_to_all.chmod(0o777)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(open_to_all))
    far = Home(home.root / ("long-" * 20))
    client = start(far)
    folder = Path(connection(far)["address"].removeprefix("unix:")).parent
    assert folder.parent != open_to_all
    assert folder.stat().st_mode & 0o777 == 0o700
    kill(client.status()["pid"])
    other = start(far)  # what the killed one left outside the home goes, too
    assert not folder.exists()
    other.stop()
    wait_until(lambda: not far.connection_file.exists())


def test_f10_idle_engine_ends(home: Home) -> None:
    home.create()
    home.settings_file.write_text('{"idle_seconds": 1}')
    client = start(home)
    pid = client.status()["pid"]
    client.run(edit(client, seconds=1.5), lambda event: None)  # a job is no idleness
    began = time.monotonic()
    wait_until(lambda: not lives(pid))
    assert 0.5 < time.monotonic() - began < 2.5


def test_f12_upgraded_while_it_runs(home: Home) -> None:
    """A job that runs is finished, then the engine ends; the next client has the new one."""
    installed = home.root / "__init__.py"
    installed.write_text('__version__ = "1"')
    quick = {"engine.service.core.INSTALLED": str(installed), "engine.service.core.LOOK_SECONDS": 0.5}
    client = start(home, deadlines=quick)
    pid = client.status()["pid"]
    time.sleep(1.5)
    run = Run(client, edit(client, seconds=3))
    run.wait_for_work()
    installed.write_text('__version__ = "2"')
    assert isinstance(run.wait(), dict)
    wait_until(lambda: not lives(pid))
    assert not home.connection_file.exists()
    assert start(home, deadlines=quick).status()["pid"] != pid


def test_damaged_settings_are_named(home: Home) -> None:
    home.create()
    home.settings_file.write_text('{"threads": "many"}')
    with pytest.raises(EngineProblem, match="threads"):
        start(home)


def test_f03_engine_that_cannot_start_names_its_log(home: Home) -> None:
    with pytest.raises(EngineProblem) as caught:
        ensure_engine(home.root, [sys.executable, "-c", "import no_such_module"], timeout=20)
    assert caught.value.code == "engine_unavailable"
    assert "no_such_module" in caught.value.sentence
    assert str(home.logs / "engine.log") in caught.value.remedy


def test_engine_that_does_not_answer(home: Home) -> None:
    waits = []
    with pytest.raises(EngineProblem, match="in time"):
        ensure_engine(
            home.root,
            [sys.executable, "-c", "import time; time.sleep(1)"],
            on_wait=lambda: waits.append(1),
            timeout=0.3,
        )
    assert waits


def test_engine_program_is_missing(home: Home) -> None:
    with pytest.raises(EngineProblem, match="could not be started"):
        ensure_engine(home.root, ["/no/such/python", "-m", "engine", "serve"])


def test_gimps_environment_stays_in_gimp(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PYTHONPATH", "GI_TYPELIB_PATH", "GEGL_PATH"):
        monkeypatch.setenv(name, "/gimp/of/its/own")
    monkeypatch.setenv("LD_LIBRARY_PATH", "/opt/gimp-3/lib:/opt/cuda/lib")
    with pytest.raises(EngineProblem):
        ensure_engine(home.root, [sys.executable, "-c", "import os; print(os.environ, file=open('seen', 'w'))"])
    seen = (home.root / "seen").read_text("utf-8")
    assert "/gimp/of/its/own" not in seen
    assert "'LD_LIBRARY_PATH': '/opt/cuda/lib'" in seen
    assert f"'LIKENESS_HOME': '{home.root}'" in seen


def test_lock_held_by_a_silent_process(home: Home) -> None:
    import fcntl

    home.create()
    with home.lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        silent = start_process(home, command(deadlines={"engine.service.server.LOCK_SECONDS": 0.2}))
        said = silent.communicate(timeout=10)[1]
    assert silent.returncode == 1
    assert b"does not answer" in said


def test_socket_that_cannot_be_listened_at(home: Home) -> None:
    program = """
import sys
from engine.paths import Home
from engine.service import address, server
bind = address.bind
def closed(home):
    sock, path = bind(home)
    sock.close()
    return sock, path
address.bind = closed
try:
    server.serve(Home.from_environment())
except server.EngineUnavailable as error:
    print(error, file=sys.stderr)
    sys.exit(1)
"""
    process = start_process(home, [sys.executable, "-c", program])
    said = process.communicate(timeout=20)[1]
    assert process.returncode == 1
    assert b"cannot be listened at" in said
    assert b"Traceback" not in said
    assert not home.connection_file.exists()
    start(home)  # the lock is free


def test_connection_file_on_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(json, "dump", full)
    with pytest.raises(OSError, match="No space"):
        Connection("unix:/x", "token", 1, "0", "0", 1).write(tmp_path / "engine.json")
    assert list(tmp_path.iterdir()) == []

"""The user service: what is written for it, and a stand-in sandbox whose plug-in reaches the engine through it."""

from __future__ import annotations

import plistlib
import shlex
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from engine import __version__
from engine.paths import Home
from installer import service
from plugin.likeness.launch import ensure_engine
from tests.conftest import START

ROOT = Path(__file__).resolve().parents[2]

# Inside: the plug-in's own way to the engine. What the environment holds is not to be seen.
INSIDE = """
import sys
from pathlib import Path
sys.path.insert(0, {root!r})
from plugin.likeness.client import EngineProblem
from plugin.likeness.launch import ensure_engine
assert not Path({python!r}).exists(), "this sandbox is none"
try:
    print(ensure_engine(Path({home!r}), {command!r}).status()["version"])
except EngineProblem as problem:
    print(problem)
"""


def test_what_systemd_gets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    home = Path('/home/me/100 % "mine"')
    files = service.unit_files(tmp_path, home, ["/opt/py", f"{home}/engine", "serve"], "linux")
    folder = tmp_path / ".config/systemd/user"
    assert set(files) == {folder / "likeness.service", folder / "likeness.path"}
    escaped = '/home/me/100 %% \\"mine\\"'
    assert f'ExecStart="/opt/py" "{escaped}/engine" "serve"\n' in files[folder / "likeness.service"]
    assert f'Environment="LIKENESS_HOME={escaped}"\n' in files[folder / "likeness.service"]
    assert 'PathExists=/home/me/100 %% "mine"/run/wanted\n' in files[folder / "likeness.path"]
    (link,) = service.unit_links(tmp_path, "linux").items()
    assert (link[0].parent / link[1]).resolve() == folder / "likeness.path"


def test_what_the_others_would_get(tmp_path: Path) -> None:
    ((path, text),) = service.unit_files(
        tmp_path, tmp_path / "home", ["py", "engine", "serve"], "darwin"
    ).items()
    agent = plistlib.loads(text.encode())
    assert agent["Label"] == path.stem
    assert agent["ProgramArguments"] == ["py", "engine", "serve"]
    assert agent["WatchPaths"] == [str(tmp_path / "home/run/wanted")]
    ((path, text),) = service.unit_files(tmp_path, Path("home"), ["py.exe", "serve"], "win32").items()
    assert path.suffix == ".cmd"
    assert '"py.exe" "serve"' in text


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_understands_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    files = service.unit_files(tmp_path, tmp_path / "my home", [sys.executable, "my engine", "serve"], "linux")
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    command = ["systemd-analyze", "--user", "--man=no", "verify", *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "likeness" not in done.stderr, done.stderr


def in_a_sandbox(home: Home) -> str:
    """What the plug-in says where the engine's environment does not exist."""
    command = service.asking_command(START, home.root)
    program = INSIDE.format(root=str(ROOT), python=sys.executable, home=str(home.root), command=command)
    hide = f"mount -t tmpfs tmpfs {shlex.quote(sys.prefix)}"
    base = getattr(sys, "_base_executable", sys.executable)
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", f"{hide} && exec {shlex.join([base, '-c', program])}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


needs_mounts = pytest.mark.skipif(
    sys.platform != "linux"
    or subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode != 0,
    reason="needs a mount namespace",
)


@needs_mounts
def test_a_sandboxed_plugin_gets_the_engine_from_the_service(home: Home) -> None:
    ensure_engine(home.root, START)
    hidden = home.connection_file.rename(home.root / "hidden")  # nobody finds it yet
    wanted = home.root / service.WANTED

    def serve() -> None:  # what systemd does with the two units
        while not wanted.exists():
            time.sleep(0.1)
        wanted.unlink()
        hidden.rename(home.connection_file)

    threading.Thread(target=serve, daemon=True).start()
    assert in_a_sandbox(home) == __version__
    assert not wanted.exists()


@needs_mounts
def test_without_the_service_the_plugin_says_what_to_do(home: Home) -> None:
    said = in_a_sandbox(home)
    assert "runs in a sandbox and cannot start the engine" in said
    assert f"env 'LIKENESS_HOME={home.root}' '{START[0]}' '{START[1]}' 'serve'" in said
    assert not (home.root / service.WANTED).exists()

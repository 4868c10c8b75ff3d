"""The user service: a GIMP in a sandbox (Flatpak, Snap) cannot start programs of the host, so it asks the host to.

Its plug-in makes the file `run/wanted` in the home; the service manager sees that and starts the engine. On Linux
that is systemd, with a path unit; the ones for launchd (macOS) and for Windows' folder Startup are written from
their documentation and have **not been run**.
"""

from __future__ import annotations

import os
import plistlib
import shutil
import subprocess
import sys
from pathlib import Path

WANTED = "run/wanted"
LABEL = "org.likeness.engine"

# What a sandboxed plug-in runs in place of the engine, from the home. `launch.py` waits for the engine meanwhile, and
# tells the last line of what is said here when it ends without one. It ends with the plug-in, at the latest.
_ASK = f"""
: >{WANTED} || exit 1
for second in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
    sleep 1
    [ -e {WANTED} ] || while kill -0 "$PPID" 2>&-; do sleep 1; done
done
rm -f {WANTED}
echo "This GIMP runs in a sandbox and cannot start the engine, and no service of yours did. Outside of GIMP, run: $1" >&2
exit 1
"""


def asking_command(engine: list[str], home: Path) -> list[str]:
    """What stands in `location.json` of a sandboxed GIMP."""
    by_hand = " ".join(f"'{word}'" for word in (f"LIKENESS_HOME={home}", *engine))
    return ["/bin/sh", "-c", _ASK, "sh", f"env {by_hand}"]


def unit_files(user: Path, home: Path, engine: list[str], platform: str = sys.platform) -> dict[Path, str]:
    """The files of the service for the user whose home is `user`, and what is in them."""
    if platform == "darwin":
        return {user / f"Library/LaunchAgents/{LABEL}.plist": _launch_agent(home, engine)}
    if platform == "win32":
        start = user / "AppData/Roaming/Microsoft/Windows/Start Menu/Programs/Startup/likeness.cmd"
        words = " ".join(f'"{word}"' for word in engine)
        return {start: f'@echo off\r\nset "LIKENESS_HOME={home}"\r\nstart "" /b {words}\r\n'}
    folder = _systemd_folder(user)
    return {
        folder / "likeness.service": _SERVICE.format(
            home=escaped(home), command=" ".join(f'"{escaped(word)}"' for word in engine)
        ),
        folder / "likeness.path": _PATH.format(home=str(home).replace("%", "%%")),
    }


def unit_links(user: Path, platform: str = sys.platform) -> dict[Path, str]:
    """The links that switch the service on at login, and what they point to."""
    if platform in ("darwin", "win32"):
        return {}
    return {_systemd_folder(user) / "default.target.wants/likeness.path": "../likeness.path"}


def switch_on(platform: str = sys.platform) -> bool:
    """Have it from now on; False where the service manager cannot be reached: then from the next login on."""
    if platform == "darwin":
        agent = Path.home() / f"Library/LaunchAgents/{LABEL}.plist"
        return _done("launchctl", "bootstrap", f"gui/{os.getuid()}", str(agent))
    return _done("systemctl", "--user", "daemon-reload") and _done(
        "systemctl", "--user", "restart", "likeness.path"
    )


def switch_off(platform: str = sys.platform) -> None:
    if platform == "darwin":
        _done("launchctl", "bootout", f"gui/{os.getuid()}/{LABEL}")
    else:
        _done("systemctl", "--user", "stop", "likeness.path", "likeness.service")


def reload(platform: str = sys.platform) -> None:
    """Have the service manager forget the units that are gone."""
    if platform == "linux":
        _done("systemctl", "--user", "daemon-reload")


_SERVICE = """[Unit]
Description=Likeness: the engine that edits faces for GIMP

[Service]
Environment="LIKENESS_HOME={home}"
ExecStartPre=/bin/rm -f "{home}/run/wanted"
ExecStart={command}
"""

_PATH = """[Unit]
Description=Likeness: start the engine when a sandboxed GIMP wants it

[Path]
PathExists={home}/run/wanted
Unit=likeness.service

[Install]
WantedBy=default.target
"""


def _launch_agent(home: Path, engine: list[str]) -> str:
    return plistlib.dumps(
        {
            "Label": LABEL,
            "ProgramArguments": engine,
            "EnvironmentVariables": {"LIKENESS_HOME": str(home)},
            "WatchPaths": [str(home / WANTED)],
        }
    ).decode()


def _systemd_folder(user: Path) -> Path:
    return Path(os.environ.get("XDG_CONFIG_HOME") or user / ".config") / "systemd/user"


def escaped(word: str | Path) -> str:
    """For a quoted word of a unit file."""
    return str(word).replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")


def _done(*command: str) -> bool:
    """Whether a command of the service manager went well."""
    if shutil.which(command[0]) is None:
        return False
    try:
        return subprocess.run(command, capture_output=True, check=False, timeout=60).returncode == 0
    except subprocess.TimeoutExpired:
        return False

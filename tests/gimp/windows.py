"""A screen that nobody sees, and a GIMP with windows on it that tests can drive and ask."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import subprocess
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from PIL import Image

from tests.gimp.desk import REPOSITORY, Desk, until

SCREENSHOTS = REPOSITORY / "build" / "screenshots"
SIZE = "1600x1000"


class Screen:
    """Xvfb with a window manager."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._log = (desk.share / "screen.log").open("ab")
        number = next(n for n in range(80, 200) if not Path(f"/tmp/.X11-unix/X{n}").exists())
        self.display = f":{number}"
        self._programs = [self.start("Xvfb", self.display, "-screen", "0", f"{SIZE}x24", "-nolisten", "tcp")]
        assert until(Path(f"/tmp/.X11-unix/X{number}").exists, 20), "Xvfb did not start"
        self._programs.append(self.start("openbox"))

    def start(self, *argv: str, **environment: str) -> subprocess.Popen[bytes]:
        """Start a program on this screen, beside GIMP."""
        command = self._desk.command(list(argv), DISPLAY=self.display, **environment)
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log)

    def tool(self, *argv: str) -> str:
        command = self._desk.command(list(argv), DISPLAY=self.display)
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60).stdout.strip()

    def windows(self, name: str = ".") -> list[str]:
        """Ids of the visible windows whose title matches."""
        return self.tool("xdotool", "search", "--onlyvisible", "--name", name).split()

    def window(self, name: str, seconds: float = 60) -> str:
        """Wait for a window and return its id."""
        found: list[str] = []
        assert until(lambda: found.extend(self.windows(name)) or found, seconds), f"no window “{name}”"
        return found[0]

    def title(self, window: str) -> str:
        return self.tool("xdotool", "getwindowname", window)

    def activate(self, window: str) -> None:
        self.tool("xdotool", "windowactivate", "--sync", window)

    def keys(self, *keys: str, pause: float = 0.25) -> None:
        """Press one key combination after the other."""
        for key in keys:
            self.tool("xdotool", "key", "--clearmodifiers", key)
            time.sleep(pause)

    def type(self, text: str) -> None:
        self.tool("xdotool", "type", "--delay", "20", text)

    def shoot(self, name: str) -> Path:
        """Take a picture of the screen: build/screenshots/NAME.png. Asserts that there is something on it."""
        self.tool("import", "-window", "root", f"{self._desk.share}/shot.png")
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        path = Path(shutil.move(self._desk.share / "shot.png", SCREENSHOTS / f"{name}.png"))
        assert shows_something(path), f"{path} shows nothing"
        return path

    def close(self) -> None:
        for program in reversed(self._programs):
            program.kill()
            program.wait()
        self._log.close()


def shows_something(path: Path) -> bool:
    colours = Image.open(path).convert("RGB").resize((160, 100)).getcolors(16_000)
    return colours is None or len(colours) > 500


class WindowGimp:
    """A GIMP with windows. The bridge plug-in (tests/gimp/inside/bridge) answers for it."""

    def __init__(self, desk: Desk, screen: Screen) -> None:
        self.screen = screen
        self._pool = ThreadPoolExecutor(4)
        self._socket = desk.share / "bridge.sock"
        self._socket.unlink(missing_ok=True)
        self._share = desk.share
        self.process = screen.start(
            desk.gimp.window, "--no-splash", "--new-instance", LIKENESS_TEST_BRIDGE=str(self._socket)
        )
        self.main = screen.window("GNU Image Manipulation Program|GIMP$", 120)
        assert until(self._socket.exists, 60), "the bridge does not answer"
        self.ask(f"import sys; sys.path.insert(0, {str(desk.share / 'inside')!r}); import os")
        self.ask(f"os.environ['LIKENESS_TEST_SHARE'] = {str(desk.share)!r}; from scene import *; displays = []")

    def ask(self, code: str, seconds: float = 30) -> Any:
        """Run Python inside GIMP; the value of its last expression comes back."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(seconds)
            connection.connect(str(self._socket))
            connection.sendall(json.dumps(code).encode() + b"\n")
            reply = json.loads(connection.makefile("r").readline())
        assert "error" not in reply, reply
        return reply.get("value")

    def answers(self) -> bool:
        try:
            return self.ask("1 + 1", 5) == 2
        except OSError:
            return False

    def ask_later(self, code: str, seconds: float = 120) -> Future[Any]:
        """The same for what takes long. Until it is done, nothing else can be asked."""
        return self._pool.submit(self.ask, code, seconds)

    def open(self, name: str) -> None:
        """Show a picture of the shared folder as the only image; `image` and `layer` name it in what is asked."""
        self.close_images()
        stem = name.split(".")[0]
        self.ask(f"image = load({name!r}); layer = image.get_layers()[0]; image.clean_all()")
        self.ask(f"image.set_file(Gio.File.new_for_path(f'{{SHARE}}/{stem}.xcf'))")
        self.ask("displays.append(Gimp.Display.new(image))")
        self.activate(stem)

    def activate(self, name: str) -> None:
        self.main = self.screen.window(rf"{name}.*GIMP$")
        self.screen.activate(self.main)
        self.screen.tool("xdotool", "windowsize", "--sync", self.main, "1580", "960")
        time.sleep(0.5)

    def close_images(self) -> None:
        self.ask("[display.delete() for display in displays if display.is_valid()]; displays.clear()")

    def layers(self) -> list[str]:
        return self.ask("[one.get_name() for one in image.get_layers()]")

    def choose(self, *keys: str) -> None:
        """Walk through Filters ▸ Likeness, which is the menu's last entry."""
        self.screen.keys("alt+r", "End", "Right", *keys, pause=0.4)

    def close(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait()
        self._pool.shutdown(wait=False, cancel_futures=True)

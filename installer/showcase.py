"""What ./run does after setting up: invert a photograph, make three edits, lay the results out on a contact sheet."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from engine.paths import Home
from engine.photo import load_photo
from installer.plugin import REPOSITORY, InstallError, engine_command, install
from installer.profiles import find_console, native_folder

SAMPLE = REPOSITORY / "tests" / "photos" / "astronaut.png"
OUTPUT = REPOSITORY / "build" / "showcase"
EDITS = ({"smile": 1.8}, {"smile": -1.8, "brows": 1.9}, {"age": 1.0})
TILE, GAP, CAPTION = 360, 12, 26


def main() -> int:
    parser = argparse.ArgumentParser(prog="./run")
    parser.add_argument("photo", nargs="?", type=Path, default=SAMPLE, help="a photograph with a face")
    photo: Path = parser.parse_args().photo.expanduser().absolute()
    if not photo.is_file():
        print(f"There is no photograph at {photo}.", file=sys.stderr)
        return 1
    shutil.rmtree(OUTPUT, ignore_errors=True)  # no picture of an earlier face stays behind
    OUTPUT.mkdir(parents=True)
    print(f"Inverting the largest face in {photo.name} …", flush=True)
    inverted = _engine("invert", str(photo), "--face", "1", "-o", str(OUTPUT))
    if inverted is None:
        return 1
    face = inverted["faces"][0]
    tiles = [
        ("photograph", OUTPUT / "result.png"),
        ("what the model sees (not used)", OUTPUT / "generated.png"),
    ]
    tiles.append(("mask: what is white stays", OUTPUT / "invertibility_mask.png"))
    for number, edits in enumerate(EDITS, 1):
        name = ", ".join(f"{key} {value:+.1f}" for key, value in edits.items())
        print(f"Editing: {name} …", flush=True)
        target = OUTPUT / f"edit-{number}.png"
        settings = [part for key, value in edits.items() for part in ("--set", f"{key}={value}")]
        if _engine("edit", str(photo), "--face", "1", *settings, "-o", str(target)) is None:
            return 1
        tiles.append((name, target))
    sheet = _sheet(tiles, face["box"])
    print(f"Contact sheet: {sheet}")
    print(
        f"The engine goes on waiting; LIKENESS_HOME={Home.from_environment().root} {sys.executable} -m engine stop ends it."
    )
    _open_gimp(photo)
    return 0


def _engine(*arguments: str) -> dict[str, Any] | None:
    """Run a command of the engine's; its object, or None after its sentence was printed."""
    done = subprocess.run(
        [sys.executable, "-m", "engine", *arguments, "--json"],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        check=False,
    )
    answer = json.loads(done.stdout or b"{}")
    if done.returncode:
        error = answer.get("error", {})
        print(
            f"{error.get('sentence', 'The engine failed.')} {error.get('remedy', '')}".strip(), file=sys.stderr
        )
        return None
    return answer


def _sheet(tiles: list[tuple[str, Path]], box: list[float]) -> Path:
    """Six pictures of the face's surroundings, three in a row, with captions."""
    x, y, w, h = box
    side = max(w, h) * 1.7
    left, top = x + w / 2 - side / 2, y + h / 2 - side * 0.55
    window = (round(left), round(top), round(left + side), round(top + side))
    columns = 3
    rows = -(-len(tiles) // columns)
    size = (columns * (TILE + GAP) + GAP, rows * (TILE + CAPTION + GAP) + GAP)
    sheet = Image.new("RGB", size, (32, 32, 34))
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(15)
    for number, (caption, path) in enumerate(tiles):
        at = (GAP + number % columns * (TILE + GAP), GAP + number // columns * (TILE + CAPTION + GAP))
        picture = Image.fromarray(load_photo(path).pixels).crop(window)
        sheet.paste(picture.resize((TILE, TILE), Image.Resampling.LANCZOS), at)
        draw.text((at[0] + 2, at[1] + TILE + 4), caption, fill=(215, 215, 215), font=font)
    path = OUTPUT / "contact-sheet.png"
    sheet.save(path)
    return path


def _open_gimp(photo: Path) -> None:
    """With GIMP 3 and a display: install the plug-in into this user's profile and open the photograph."""
    console = find_console()
    program = shutil.which("gimp-3.0") or shutil.which("gimp-3") or shutil.which("gimp")
    if console is None or program is None:
        print("There is no GIMP 3 here. With one, ./run installs the plug-in and opens the photograph in it.")
        return
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        print(
            "GIMP 3 is here but no display. `.venv/bin/python -m installer install-plugin` installs the plug-in."
        )
        return
    try:
        folder = install(
            native_folder(Path.home()) / console[1], Home.from_environment().root, engine_command()
        )
    except InstallError as error:
        print(error, file=sys.stderr)
        return
    subprocess.Popen(
        [program, str(photo)], start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    print(f"The plug-in is in {folder}. GIMP opens: Filters ▸ Likeness ▸ Edit Face…")


if __name__ == "__main__":
    sys.exit(main())

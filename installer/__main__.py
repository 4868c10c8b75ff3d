"""python -m installer install | upgrade | repair | uninstall | status | package | install-plugin

Also `python /path/to/installer …`, from anywhere. Standard library only: any Python from 3.11 on can run it.
Exit codes: 0 done, 1 could not (with a sentence), 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

if not __package__:
    folder = Path(__file__).resolve().parent
    sys.path = [str(folder.parent), *(path for path in sys.path if path != str(folder))]

from engine.paths import Home
from installer.errors import InstallError
from installer.manifest import NAME
from installer.package import package
from installer.plan import Request
from installer.plugin import engine_command, install, verify
from installer.profiles import Profile, find_console, find_profiles, native_folder
from installer.setup import bring
from installer.status import status
from installer.uninstall import uninstall
from plugin.likeness import words

INTERRUPTED = 130


def main(arguments: list[str] | None = None) -> int:
    words.in_english()
    asked = _parser().parse_args(arguments)
    try:
        return _run(asked)
    except InstallError as error:
        print(f"Likeness: {error}", file=sys.stderr)
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        print(f"Likeness: {place}{error.strerror or error}. Mend that, then try again.", file=sys.stderr)
    except KeyboardInterrupt:
        print("Interrupted. The same command goes on; `uninstall` removes what is there.", file=sys.stderr)
        return INTERRUPTED
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m installer")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, what in (
        ("install", "install the engine, the plug-in and the service, and test them"),
        ("upgrade", "the same with these newer sources; models, inversions and settings stay"),
        ("repair", "make anew what is damaged or missing"),
    ):
        command = commands.add_parser(name, help=what)
        _add_home(command)
        _add_consent(command)
        command.add_argument(
            "--offline", type=_folder, metavar="WHEELS", help="packages from this folder, no network"
        )
        command.add_argument(
            "--python", type=_path, metavar="PATH", help="the Python of the engine's environment"
        )
        build = command.add_mutually_exclusive_group()
        for torch, meaning in (
            ("cpu", "torch for the CPU"),
            ("cuda", "torch for NVIDIA cards"),
            ("auto", "whichever fits (default)"),
        ):
            build.add_argument(f"--{torch}", action="store_const", dest="torch", const=torch, help=meaning)
        command.set_defaults(torch="auto")
    removal = commands.add_parser("uninstall", help="remove all of it; ask about models and inversions")
    _add_home(removal)
    _add_consent(removal)
    _add_home(commands.add_parser("status", help="what is installed, and whether it is whole"))
    packing = commands.add_parser("package", help="build the wheel, the plug-in's zip and the offline bundle")
    packing.add_argument("-o", "--output", type=_path, required=True, metavar="DIR")
    packing.add_argument(
        "--wheels", type=_folder, metavar="WHEELS", help="for the bundle; default: pip downloads them"
    )
    plugin = commands.add_parser("install-plugin", help="copy the plug-in of a checkout into GIMP 3 profiles")
    plugin.add_argument("--profile", type=_path, help="this profile only, such as ~/.config/GIMP/3.0")
    return parser


def _add_home(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--prefix",
        type=_path,
        metavar="DIR",
        help="where program, models and inversions are; default: LIKENESS_HOME, else ~/.likeness",
    )


def _add_consent(command: argparse.ArgumentParser) -> None:
    command.add_argument("--dry-run", action="store_true", help="say what would be done; write nothing")
    command.add_argument("--yes", action="store_true", help="ask nothing; an uninstall keeps what is yours")


def _run(asked: argparse.Namespace) -> int:
    if asked.command == "package":
        return package(asked.output, asked.wheels)
    if asked.command == "install-plugin":
        return _install_plugin(asked.profile)
    home = asked.prefix or _own_home() or Home.from_environment().root
    if asked.command == "status":
        return status(home)
    if asked.command == "uninstall":
        return uninstall(home, asked.yes, asked.dry_run)
    request = Request(asked.command, home, asked.python, asked.offline, asked.torch)
    return bring(request, asked.yes, asked.dry_run)


def _own_home() -> Path | None:
    """The home in whose environment we run, if we do."""
    return next((folder for folder in Path(sys.prefix).parents if (folder / NAME).is_file()), None)


def _path(text: str) -> Path:
    return Path(text).expanduser().absolute()


def _folder(text: str) -> Path:
    if not (path := _path(text)).is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {path}")
    return path


def _install_plugin(wanted: Path | None) -> int:
    console = find_console()
    profiles = [Profile(wanted.expanduser().absolute())] if wanted else find_profiles(Path.home())
    if not profiles and console:  # installed, but never started
        profiles = [Profile(native_folder(Path.home()) / console[1])]
    if not profiles:
        raise InstallError("No profile of GIMP 3 was found. Start GIMP once, or name one with --profile.")
    home = Home.from_environment()
    for profile in profiles:
        folder = install(profile.folder, home.root, engine_command())
        if console and not profile.sandboxed and profile.folder.name in (console[1], *_unnamed(wanted)):
            verify(console[0], profile.folder)
            print(f"Installed into {folder}; GIMP has its procedures.")
        else:
            print(f"Installed into {folder}; there was no GIMP at hand to ask.")
        if profile.sandboxed:
            print(
                "  This GIMP is a Flatpak or Snap, which cannot start the engine: run `python -m engine serve` first."
            )
    return 0


def _unnamed(wanted: Path | None) -> tuple[str, ...]:
    """A profile that was named by hand may be called anything."""
    return (wanted.name,) if wanted else ()


if __name__ == "__main__":
    sys.exit(main())

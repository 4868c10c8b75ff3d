"""python -m installer install-plugin [--profile DIR]: copy the plug-in into this user's GIMP 3 profiles."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from engine.paths import Home
from installer.plugin import InstallError, engine_command, install, verify
from installer.profiles import Profile, find_console, find_profiles, native_folder


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m installer")
    commands = parser.add_subparsers(dest="command", required=True)
    plugin = commands.add_parser("install-plugin", help="copy the plug-in into this user's GIMP 3 profiles")
    plugin.add_argument("--profile", type=Path, help="this profile only, such as ~/.config/GIMP/3.0")
    asked = parser.parse_args(arguments)
    try:
        return _install_plugin(asked.profile)
    except InstallError as error:
        print(f"Likeness: {error}", file=sys.stderr)
        return 1


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

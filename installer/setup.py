"""Install, upgrade, repair: a new environment beside the old one, then the swap, then the proof, then the old one goes.

Every step may be repeated, and the manifest is ahead of what it names, so an installer that was killed is finished
by the next run. What fails is undone: a first installation to nothing but its downloads, a later one to what was
there before.
"""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

from installer import environment, plugin, service
from installer.errors import InstallError
from installer.locks import locked
from installer.manifest import PROGRAM, Manifest, load, missing_folders
from installer.plan import Plan, Request, look, tell
from installer.profiles import Profile
from installer.report import Report, size_text
from installer.running import let_finish, stop_engine
from installer.selftest import prove_engine, prove_in_gimp
from installer.uninstall import remove, remove_last, switch_off


def bring(request: Request, yes: bool, dry_run: bool) -> int:
    """Do what was asked for; the exit code. Raises `InstallError`."""
    plan = look(request, load(request.home))
    tell(plan)
    if dry_run:
        print("Nothing was written.")
        return 0
    if not yes and not _agreed():
        raise InstallError("Nothing was written.", "Answer y, or use --yes.")
    begun = time.monotonic()
    with locked(plan.home) as lock:
        _Setup(plan, load(plan.home) or Manifest(), lock).run()
    used = sum(environment.tree_bytes(plan.home / name) for name in (PROGRAM, "models"))
    print(
        f"Likeness {plan.version} is installed and tested: {time.monotonic() - begun:.0f} s, {size_text(used)} on disk."
    )
    print("Start GIMP (anew, if it is open), open a photograph: Filters ▸ Likeness ▸ Edit Face…")
    print(f"To remove it: {plan.home / PROGRAM / 'current/bin/python'} -m installer uninstall")
    return 0


class _Setup:
    """One run. `run` is the order of things."""

    def __init__(self, plan: Plan, manifest: Manifest, lock: int) -> None:
        self._plan = plan
        self._home = plan.home
        self._manifest = manifest
        self._lock = lock
        self._report = Report(5)
        self._before = Path(manifest.environment) if manifest.environment else None
        self._was_complete = manifest.is_complete

    def run(self) -> None:
        try:
            if self._plan.reused is None:
                let_finish(self._home, self._report.detail)  # rather than making an environment in vain
            self._begin()
            folder = self._make_environment()
            if folder != self._before:
                let_finish(self._home, self._report.detail)
                stop_engine(self._home)
            self._copy_plugin(folder)
            self._register(folder)
            self._prove(folder)
            self._finish(folder)
        except InstallError:
            self._undo()
            raise
        except OSError as error:
            self._undo()
            place = f"{error.filename} cannot be written" if error.filename else "It could not be installed"
            raise InstallError(f"{place}: {error.strerror}.", "Mend that, then try again.") from error

    def _begin(self) -> None:
        program = self._home / PROGRAM
        self._manifest.is_complete = False
        self._manifest.add(
            files=_link_places(program / "current"),
            trees=[program / "scratch", program / "selftest"],
            folders=[*self._plan.new_folders, program],
        )
        self._manifest.save(self._home)
        program.mkdir(exist_ok=True)
        self._remove_environments({self._before, self._plan.reused})

    def _make_environment(self) -> Path:
        with self._report.step("The engine's environment"):
            folder = self._plan.reused
            if folder is None:
                folder = self._new_folder()
                self._manifest.add(trees=[folder])
                self._manifest.save(self._home)
                scratch = self._home / PROGRAM / "scratch"
                scratch.mkdir(exist_ok=True)
                self._plan.ingredients.wheel.write_bytes(self._plan.wheel)
                environment.make(folder, self._plan.ingredients, scratch, self._lock, self._report.detail)
            self._report.detail(f"{folder}, {size_text(environment.tree_bytes(folder))}")
        return folder

    def _new_folder(self) -> Path:
        number = 1
        while str(folder := self._home / PROGRAM / f"env-{number}") in self._manifest.trees or folder.exists():
            number += 1
        return folder

    def _copy_plugin(self, folder: Path) -> None:
        with self._report.step("The plug-in"):
            for profile in self._plan.gimps.profiles:
                self._install_plugin(profile, folder)
                self._report.detail(str(plugin.plugin_folder(profile.folder)))

    def _install_plugin(self, profile: Profile, folder: Path) -> None:
        source = environment.site_packages(folder) / "plugin/likeness"
        target = plugin.plugin_folder(profile.folder)
        names = plugin.files(source)
        within = sorted({folder for name in names for folder in name.parents} - {Path()})
        self._manifest.add(
            files=[target / name for name in (*names, plugin.LOCATION)],
            trees=plugin.passing_folders(profile.folder),
            folders=dict.fromkeys([*missing_folders(target), target, *(target / folder for folder in within)]),
        )
        if str(profile.folder) not in self._manifest.profiles:
            self._manifest.profiles.append(str(profile.folder))
        self._manifest.save(self._home)
        command = environment.engine_command(folder)
        if profile.sandboxed:
            command = service.asking_command(command, self._home)
        plugin.install(profile.folder, self._home, command, source)

    def _register(self, folder: Path) -> None:
        with self._report.step("The user service"):
            units = service.unit_files(Path.home(), self._home, environment.engine_command(folder))
            links = service.unit_links(Path.home())
            places = [*units, *(place for path in links for place in _link_places(path))]
            self._manifest.add(
                files=places, folders=[new for path in places for new in missing_folders(path.parent)]
            )
            self._manifest.save(self._home)
            for path, text in units.items():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, "utf-8", newline="")
            for path, target in links.items():
                path.parent.mkdir(parents=True, exist_ok=True)
                _link(path, target)
            if not service.switch_on():
                self._report.detail("the service manager did not answer; it takes effect at your next login")

    def _prove(self, folder: Path) -> None:
        scratch = self._home / PROGRAM / "selftest"
        asked = [(p, c) for p in self._plan.gimps.profiles if (c := self._plan.gimps.console_of(p))]
        with self._report.step("Self-test"):
            for profile, console in asked:
                prove_in_gimp(console, profile.folder, scratch, self._lock)
                self._report.detail(f"{profile.folder}: GIMP has the procedures, an inversion came back")
            if not asked:
                prove_engine(environment.engine_command(folder), scratch, self._lock)
                self._report.detail(
                    "an inversion came back; there was no GIMP to ask that can run without a window"
                )

    def _finish(self, folder: Path) -> None:
        with self._report.step("Tidying up"):
            if os.name == "posix":
                _link(self._home / PROGRAM / "current", folder.name)
            manifest, ingredients = self._manifest, self._plan.ingredients
            manifest.version, manifest.environment = self._plan.version, str(folder)
            manifest.python = str(ingredients.python)
            manifest.torch = "" if ingredients.offline else ingredients.torch
            manifest.offline = str(ingredients.offline or "")
            manifest.is_complete = True
            manifest.save(self._home)
            self._remove_environments({folder})
            self._remove_scratch()

    def _remove_environments(self, kept: set[Path | None]) -> None:
        """All but these."""
        for name in list(self._manifest.trees):
            folder = Path(name)
            if folder.parent == self._home / PROGRAM and folder.name.startswith("env-") and folder not in kept:
                shutil.rmtree(folder, ignore_errors=True)
                if not folder.exists():
                    self._manifest.trees.remove(name)
        self._manifest.save(self._home)

    def _remove_scratch(self) -> None:
        shutil.rmtree(self._home / PROGRAM / "scratch", ignore_errors=True)

    def _undo(self) -> None:
        self._report.say("It did not work; undoing what was done …")
        if self._before is None:
            self._undo_first()
            return
        self._remove_environments({self._before})
        self._remove_scratch()
        for profile in self._plan.gimps.profiles:
            self._install_plugin(profile, self._before)
        self._register(self._before)
        self._manifest.is_complete = self._was_complete
        self._manifest.save(self._home)

    def _undo_first(self) -> None:
        """Back to nothing, but for what pip has downloaded: that stays on record, for the next try."""
        switch_off(self._home)
        scratch = self._home / PROGRAM / "scratch"
        if not (scratch / "downloads").is_dir():
            remove(self._home, self._manifest, [])
            remove_last(self._home, self._manifest)
            return
        self._manifest.trees.remove(str(scratch))
        remove(self._home, self._manifest, [scratch / "tmp", self._plan.ingredients.wheel])
        Manifest(trees=[str(scratch)], folders=self._manifest.folders).save(self._home)
        self._report.say(f"What was downloaded stays in {scratch} for the next try; `uninstall` removes it.")


def _link_places(path: Path) -> tuple[Path, Path]:
    """A link, and what it is called until it takes its place."""
    return path, path.with_name(f".{path.name}")


def _link(path: Path, target: str) -> None:
    """Make or replace a link, at once."""
    _, new = _link_places(path)
    new.unlink(missing_ok=True)
    new.symlink_to(target)
    new.replace(path)


def _agreed() -> bool:
    try:
        return input("Go on? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        return False

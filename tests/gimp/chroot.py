"""A real GIMP 3 for the tests: the machine's own, or one in a chroot that is built once and kept.

    python -m tests.gimp.chroot ensure      builds both where they are missing (about 40 s each) and prints where they are;
                                            also installs what PyQt5's windows need on a Debian host

The chroot is a Debian 13 with GIMP 3.0, or the Debian that follows it with GIMP 3.2, Xvfb and what drives windows.
LIKENESS_GIMP says which one all tests take, `3.0` or `3.2`. It lies outside the repository, in
`${XDG_CACHE_HOME:-~/.cache}/likeness/gimp3-RECIPE`, where RECIPE is a hash of what goes into it. It is built
beside that place and renamed when it is complete, so an interrupted build leaves nothing that could be taken
for a chroot. Every process enters it in a mount namespace of its own, in which it is read-only; the mounts
vanish with the process. Building and entering need root.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SUITES = {"3.0": "trixie", "3.2": "forky"}  # GIMP's version, Debian's name
USUAL = "3.0"
BUILDING = "gimp3-building-"
PACKAGES = (
    *("gimp", "gir1.2-gimp-3.0", "python3", "python3-gi"),
    *("xvfb", "xdotool", "openbox", "adwaita-icon-theme", "fonts-dejavu-core", "imagemagick"),
)
LEFT_OUT = ("/usr/share/man/*", "/usr/share/doc/*", "/usr/share/info/*", "/usr/share/locale/*")
WINDOW_TOOLS = ("Xvfb", "xdotool", "openbox", "import")
QT_LIBRARIES = {  # what PyQt5's wheels need of the host: library → Debian's package
    "libGL.so.1": "libgl1",
    "libfontconfig.so.1": "libfontconfig1",
    "libdbus-1.so.3": "libdbus-1-3",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-xinerama.so.0": "libxcb-xinerama0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
}
FONTS = (Path("/usr/share/fonts"), "fonts-dejavu-core")  # windows without a font show no words

# $1 the chroot, $2 the shared folder, which must lie in /tmp; the rest is the command. The host's files appear
# under /host, so that a program in the chroot can start one of the host: `chroot /host COMMAND`.
ENTER = """
set -e
root=$1 share=$2; shift 2
mkdir -p /tmp/.X11-unix
mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
mount --rbind / "$root/host"
mount --rbind /proc "$root/proc"
mount --rbind /sys "$root/sys"
mount --rbind /dev "$root/dev"
for folder in tmp root run; do mount -t tmpfs tmpfs "$root/$folder"; done
mkdir -p "$root$share" "$root/tmp/.X11-unix"
mount --bind "$share" "$root$share"
mount --bind /tmp/.X11-unix "$root/tmp/.X11-unix"
exec chroot "$root" "$@"
"""


class NoGimp(Exception):
    """There is no GIMP 3 on this machine and none could be built; the text says why."""


@dataclass(frozen=True)
class Gimp3:
    """A GIMP 3 that can be started. `root` is the chroot's folder, None where the machine has its own."""

    root: Path | None
    console: str

    @property
    def window(self) -> str:
        return self.console.replace("gimp-console", "gimp")

    def command(self, share: Path, environment: dict[str, str], *argv: str) -> list[str]:
        """The command line that runs `argv` beside this GIMP, with nothing but `environment`.

        `share` is a folder in /tmp that both sides see under the same path. The command execs all the way: the
        process that it becomes is `argv` itself.
        """
        plain = {"HOME": str(share), "LC_ALL": "C.UTF-8", "PATH": os.environ["PATH"], "NO_AT_BRIDGE": "1"}
        if self.root is None:
            return ["env", "-i", *_pairs(plain | environment), *argv]
        plain |= {"HOME": "/root", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
        return [
            *("unshare", "--mount", "--propagation", "private"),
            *("sh", "-c", ENTER, "sh", str(self.root), str(share)),
            *("env", "-i", *_pairs(plain | environment), *argv),
        ]

    def on_host(self, command: list[str]) -> list[str]:
        """How a program beside this GIMP starts a program of the host."""
        return command if self.root is None else ["chroot", "/host", *command]

    def lacks_windows(self) -> str:
        """Which of the programs that drive windows are missing; empty when none is."""
        if self.root is not None:
            return ""
        return ", ".join(tool for tool in WINDOW_TOOLS if shutil.which(tool) is None)


def _pairs(environment: dict[str, str]) -> list[str]:
    return [f"{key}={value}" for key, value in environment.items()]


def ensure(version: str | None = None) -> Gimp3:
    """The machine's own GIMP 3, else the chroot, built when it is missing. Raises `NoGimp`.

    Of one version, or of that which LIKENESS_GIMP names, or any.
    """
    wanted = version or os.environ.get("LIKENESS_GIMP")
    for name in [wanted] if wanted else SUITES:
        if shutil.which(f"gimp-console-{name}"):
            return Gimp3(None, f"gimp-console-{name}")
    wanted = wanted or USUAL
    if wanted not in SUITES:
        raise NoGimp(f"no GIMP “{wanted}” is known, only {' and '.join(SUITES)}")
    if sys.platform != "linux" or os.geteuid() != 0:
        raise NoGimp(f"no gimp-console-{wanted} on PATH, and building a chroot needs root on Linux")
    folder = cache_folder()
    root = folder / f"gimp3-{_recipe(wanted)}"
    with _locked(folder):
        if not root.is_dir():
            _remove_leftovers(folder)
            _build(root, SUITES[wanted])
    return Gimp3(root, f"gimp-console-{wanted}")


def cache_folder() -> Path:
    """Where the chroot is kept: outside the repository, so that a fresh checkout finds it again."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").absolute() / "likeness"


def ensure_qt_libraries() -> str:
    """Install what PyQt5's windows need on a Debian host. Returns why it is missing, or an empty string."""
    known = subprocess.run(["ldconfig", "-p"], capture_output=True, text=True, check=False).stdout
    missing = [package for library, package in QT_LIBRARIES.items() if library not in known]
    folder, fonts = FONTS
    if not any(folder.rglob("*.ttf")):
        missing.append(fonts)
    if not missing:
        return ""
    try:
        _apt_install(*missing)
    except NoGimp as error:
        return str(error)
    return ""


def _recipe(version: str) -> str:
    suite = SUITES[version]
    text = repr((suite, PACKAGES, LEFT_OUT, 1))
    return f"{suite}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "gimp3.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _remove_leftovers(folder: Path) -> None:
    """Interrupted builds, and chroots of earlier recipes. Never anything below which something is mounted."""
    mounted, ours = (
        Path("/proc/self/mountinfo").read_text(),
        {f"gimp3-{_recipe(version)}" for version in SUITES},
    )
    for old in folder.glob("gimp3-*"):
        if old.name not in ours and str(old) not in mounted:
            doomed = old.rename(folder / f"{BUILDING}{old.name}-{os.getpid()}")  # half a chroot is no chroot
            shutil.rmtree(doomed, ignore_errors=True)


def _build(root: Path, suite: str) -> None:
    if shutil.which("mmdebstrap") is None:
        _apt_install("mmdebstrap")
    building = Path(tempfile.mkdtemp(prefix=BUILDING, dir=root.parent))
    building.chmod(0o755)
    try:
        _run(
            "mmdebstrap",
            "--quiet",
            "--variant=apt",
            '--aptopt=APT::Install-Recommends "false"',
            '--aptopt=Acquire::Check-Valid-Until "false"',  # a mirror of the coming Debian may lag some days
            *(f"--dpkgopt=path-exclude={pattern}" for pattern in LEFT_OUT),
            f"--include={','.join(PACKAGES)}",
            suite,
            str(building),
            _mirror(),
        )
        _run("chroot", str(building), "fc-cache", "--system-only")
        _run("chroot", str(building), "rm", "-rf", "/var/lib/apt/lists", "/var/cache/apt")
        (building / "host").mkdir()
        building.rename(root)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _mirror() -> str:
    """The Debian mirror that this machine's own apt uses."""
    apt = Path("/etc/apt")
    for file in (
        *apt.glob("sources.list.d/*.sources"),
        apt / "sources.list",
        *apt.glob("sources.list.d/*.list"),
    ):
        text = file.read_text("utf-8", "replace") if file.is_file() else ""
        found = re.search(r"^(?:URIs: *|deb +(?:\[[^]]*\] *)?)(\S+/debian)/?(?:\s|$)", text, re.MULTILINE)
        if found:
            return found[1]
    raise NoGimp("this machine's apt sources name no Debian mirror to build GIMP 3 from")


def _apt_install(*packages: str) -> None:
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        raise NoGimp(f"{', '.join(packages)} missing, and only root on a Debian can install it")
    _run("apt-get", "update", "-qq")
    _run("apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages)


def _run(*command: str) -> None:
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, env=environment
    )
    if done.returncode:
        raise NoGimp(f"{shlex.join(command[:2])} …: {(done.stderr or done.stdout).strip()[-400:]}")


def main() -> int:
    if sys.argv[1:] != ["ensure"]:
        print("usage: python -m tests.gimp.chroot ensure", file=sys.stderr)
        return 2
    if reason := ensure_qt_libraries():
        print(f"windows may not open: {reason}", file=sys.stderr)
    missing = 0
    for version in (None, *(set(SUITES) - {USUAL})):
        try:
            gimp = ensure(version)
        except NoGimp as error:
            print(f"no GIMP {version or 3}: {error}", file=sys.stderr)
            missing += 1
        else:
            print(gimp.root or shutil.which(gimp.console))
    return min(missing, 1)


if __name__ == "__main__":
    sys.exit(main())

"""What is installed, where, and whether it is whole."""

from __future__ import annotations

from pathlib import Path

from installer import environment
from installer.errors import InstallError
from installer.gimps import find_gimps
from installer.manifest import Manifest, load
from installer.profiles import plugin_problem
from installer.report import size_text
from installer.uninstall import BELONGINGS
from plugin.likeness.client import Client, EngineProblem


def status(home: Path) -> int:
    """Exit code 0 when Likeness is installed and nothing is wrong with it."""
    manifest = load(home)
    if manifest is None:
        print(f"Likeness is not installed in {home}.")
        return 1
    problems = _problems(manifest)
    if manifest.version:
        print(f"Likeness {manifest.version} in {home}")
    if manifest.environment:
        folder = Path(manifest.environment)
        print(f"  environment  {folder}, {size_text(environment.tree_bytes(folder))}, of {manifest.python}")
    for name in manifest.profiles:
        print(f"  plug-in      {name}: {plugin_problem(Path(name)) or 'is there'}")
    for things in BELONGINGS:
        if size := sum(
            environment.tree_bytes(p) if p.is_dir() else p.stat().st_size for p in things.paths(home)
        ):
            print(f"  yours        {things.what}, {size_text(size)}")
    print(f"  engine       {_engine(home)}")
    for problem in problems:
        print(problem)
    return 1 if problems else 0


def _problems(manifest: Manifest) -> list[str]:
    again = "Run `repair`."
    if not manifest.is_complete:
        return ["The installation was interrupted. Run `install` again to finish it, or `uninstall`."]
    problems = []
    if damaged := environment.damage(Path(manifest.environment)):
        problems.append(f"The environment is damaged ({', '.join(damaged[:3])}). {again}")
    for name in manifest.profiles:
        if problem := plugin_problem(Path(name)):
            problems.append(f"{name}: {problem} {again}")
    try:
        new = [p.folder for p in find_gimps(Path.home()).profiles if str(p.folder) not in manifest.profiles]
    except InstallError as error:
        return [*problems, str(error)]
    return problems + [f"{folder} is a GIMP without the plug-in. {again}" for folder in new]


def _engine(home: Path) -> str:
    try:
        facts = Client.connect(home).status()
    except EngineProblem as problem:
        return problem.sentence
    return f"{facts['version']} runs as process {facts['pid']}"

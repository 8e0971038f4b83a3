"""The decoder's tests on several Pythons, with the lowest and the newest allowed version of each dependency.

    tools/dependency_matrix.py --pythons 3.10,3.11,3.12,3.13

For each Python that this machine has, a virtual environment without torch is made, and the tests that need no encoder
run in it: with the newest versions of everything, with the lowest of one dependency at a time (the others as new as
that permits), and with the lowest of all together. Allowed is what pyproject.toml says and what has a wheel for that
Python; packages come from pip's own index. Prints a Markdown table; status 1 where something failed.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import tomllib
from command import parser_for, run_tool
from packaging.requirements import Requirement
from packaging.version import Version
from tables import markdown_table
from tests_without_torch import tests_without_torch

from nvcodec.errors import NvcodecError

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("bitstream", "conformance", "decoder", "entropy", "robustness", "synthesis", "video")
TEST_TOOLS = ("pytest>=8", "hypothesis>=6.115", "coverage>=7")
NEWEST, LOWEST = "newest", "lowest of all"
VECTORS = ROOT / "tests" / "conformance" / "vectors"


class StepFailed(NvcodecError):
    """A command that prepares or runs the tests failed; the message is its last line."""


@dataclass(frozen=True)
class Outcome:
    """One line of the table."""

    python: str
    case: str
    versions: dict[str, str]
    says: str
    passed: bool


def dependencies() -> list[Requirement]:
    """The decoder's, as pyproject.toml has them."""
    with open(ROOT / "pyproject.toml", "rb") as file:
        return [Requirement(text) for text in tomllib.load(file)["project"]["dependencies"]]


def find_python(version: str) -> str | None:
    """An interpreter of that version: in PATH, or among pyenv's; None where there is none."""
    beside = sorted(Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")).glob(f"versions/{version}.*/bin/python"))
    for candidate in [*map(str, beside), shutil.which(f"python{version}")]:
        if candidate is None:
            continue
        shown = subprocess.run([candidate, "--version"], capture_output=True, text=True, check=False).stdout
        if shown.startswith(f"Python {version}."):
            return candidate
    return None


def run_step(command: Sequence[str], **environment: str) -> str:
    """Standard output of a command. Raises StepFailed."""
    ran = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    if ran.returncode:
        lines = [line for line in (ran.stderr.strip() or ran.stdout.strip()).splitlines() if "ERROR" in line]
        last = (ran.stdout.strip() or ran.stderr.strip() or "no message").splitlines()[-1]
        raise StepFailed(lines[-1] if lines else last)
    return ran.stdout


class Environment:
    """A virtual environment of one Python, in which versions are changed and tests run."""

    def __init__(self, python: str, folder: Path):
        run_step([python, "-m", "venv", str(folder)])
        self.python = str(folder / "bin" / "python")
        self.pip("install", "--upgrade", "pip", *TEST_TOOLS)

    def pip(self, *arguments: str) -> str:
        return run_step([self.python, "-m", "pip", "--disable-pip-version-check", "-q", *arguments])

    def lowest(self, wanted: Requirement) -> str:
        """The lowest allowed version that has a wheel for this Python."""
        said = run_step([self.python, "-m", "pip", "index", "versions", wanted.name, "--only-binary=:all:"])
        met = re.search(r"Available versions: (.*)", said)
        allowed = [text for text in met[1].split(", ") if wanted.specifier.contains(text)] if met else []
        if not allowed:
            raise StepFailed(f"{wanted.name}: no allowed version has a wheel for this Python")
        return min(allowed, key=Version)

    def install(self, pinned: dict[str, str]) -> None:
        """The pinned versions, and the newest allowed of everything else."""
        wanted = [f"{one.name}=={pinned[one.name]}" if one.name in pinned else str(one) for one in dependencies()]
        self.pip("install", "--only-binary=:all:", "--upgrade", "--upgrade-strategy=eager", *wanted)

    def versions(self) -> dict[str, str]:
        names = [one.name for one in dependencies()]
        code = f"import importlib.metadata as m\nfor n in {names!r}: print(n, m.version(n))"
        lines = run_step([self.python, "-c", code]).splitlines()
        return dict(line.split() for line in lines)

    def test(self) -> str:
        """pytest's closing line; the three commands are tried as well. Raises StepFailed."""
        settings = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        files = [str(path.relative_to(ROOT)) for path in tests_without_torch(ROOT / "tests", FOLDERS)]
        options = ("-q", "-p", "no:cacheprovider", "--tb=line", "-k", "not torch")
        said = run_step([self.python, "-m", "pytest", *options, *files], **settings)
        vector = str(min(VECTORS.glob("*.msn")))
        with tempfile.TemporaryDirectory() as folder:
            for name, *given in (
                ("nvdec", vector, "-o", f"{folder}/a.mkv", "--verify", "-q"),
                ("nvinfo", vector),
                ("nvenc", "--help"),
            ):
                run_step([self.python, "-m", f"nvcodec.cli.{name}", *given], **settings)
        return re.sub(r" in [\d.]+s.*", "", said.strip().splitlines()[-1]).strip("= ")


def cases(environment: Environment, only: Sequence[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Names of cases, and the versions that each of them pins."""
    lowest = {one.name: environment.lowest(one) for one in dependencies()}
    every = {NEWEST: {}, **{f"lowest {name}": {name: version} for name, version in lowest.items()}, LOWEST: lowest}
    yield from ((name, pinned) for name, pinned in every.items() if not only or name in only)


def outcomes(version: str, only: Sequence[str]) -> Iterator[Outcome]:
    """All cases of one Python; one outcome that says so where this machine doesn't have it."""
    python = find_python(version)
    if python is None:
        yield Outcome(version, "-", {}, "not installed here", True)
        return
    with tempfile.TemporaryDirectory(prefix="dependency-matrix-") as folder:
        environment = Environment(python, Path(folder) / "venv")
        full = run_step([environment.python, "-c", "import platform; print(platform.python_version())"]).strip()
        for case, pinned in cases(environment, only):
            versions = pinned
            try:
                environment.install(pinned)
                versions = environment.versions()
                yield Outcome(full, case, versions, environment.test(), True)
            except StepFailed as error:
                yield Outcome(full, case, versions, f"failed: {error}", False)


def read_arguments() -> argparse.Namespace:
    parser = parser_for(__doc__)
    parser.add_argument("--pythons", default="3.10,3.11,3.12,3.13")
    parser.add_argument("--cases", default="", help=f"only these, such as '{NEWEST},{LOWEST}'")
    return parser.parse_args()


def main() -> int:
    args = read_arguments()
    only = [name for name in args.cases.split(",") if name]
    names = [one.name for one in dependencies()]
    found = []
    for version in args.pythons.split(","):
        for outcome in outcomes(version, only):
            print(f"{outcome.python}, {outcome.case}: {outcome.says}", file=sys.stderr, flush=True)
            found.append(outcome)
    rows = [[o.python, o.case, *(o.versions.get(name, "") for name in names), o.says] for o in found]
    print(markdown_table(["Python", "case", *names, "tests"], rows, left=2))
    return 0 if all(outcome.passed for outcome in found) else 1


if __name__ == "__main__":
    run_tool(main)

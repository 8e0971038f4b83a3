"""The direction of imports (design, section 8), read from the sources, and that decoding needs nothing of the encoder.

Sources are parsed, not imported, so a package that lacks its third-party libraries here is checked all the same.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
STDLIB = frozenset(sys.stdlib_module_names)

# What each package may import beside the standard library, itself and nvcodec.errors.
ALLOWED = {
    "nvcodec": {"nvcodec.api", "nvcodec.decoder", "nvcodec.encoder", "nvcodec.version", "nvcodec.video"},
    "nvcodec.api": {"nvcodec.decoder", "nvcodec.encoder", "nvcodec.video"},
    "nvcodec.errors": set(),
    "nvcodec.version": set(),
    "nvcodec.bitstream": set(),
    "nvcodec.compiled": {"filelock", "numba", "numpy"},
    "nvcodec.entropy": {"nvcodec.compiled", "numpy", "constriction"},
    "nvcodec.synthesis": {"nvcodec.bitstream.model_config", "nvcodec.bitstream.headers", "nvcodec.bitstream.versions",
                          "nvcodec.compiled", "numpy"},
    "nvcodec.video": {"numpy", "imageio_ffmpeg"},
    "nvcodec.metrics": {"nvcodec.video", "numpy", "imageio_ffmpeg", "bjontegaard"},
    "nvcodec.decoder": {"nvcodec.synthesis", "nvcodec.entropy", "nvcodec.compiled", "nvcodec.bitstream",
                        "nvcodec.video", "numpy"},
    "nvcodec.encoder": {
        "nvcodec.decoder", "nvcodec.synthesis", "nvcodec.entropy", "nvcodec.compiled", "nvcodec.bitstream",
        "nvcodec.metrics",
        "nvcodec.version", "nvcodec.video", "numpy", "torch", "cv2",
    },
    "nvcodec.cli": {"nvcodec", "nvcodec.encoder", "nvcodec.decoder", "nvcodec.video", "nvcodec.metrics", "click",
                    "numpy", "tqdm"},
}  # fmt: skip

# Libraries that only a synthesis backend's own file may import: that file's name says which.
BACKEND_LIBRARIES = {"torch": "torch", "onnx": "onnx", "onnxruntime": "onnx"}

# Where decoding begins, and what it must not load: the `encoder` and `fast` extras of pyproject.toml.
DECODER_ROOTS = ("nvcodec", "nvcodec.decoder", "nvcodec.bitstream", "nvcodec.entropy", "nvcodec.video",
                 "nvcodec.cli.nvdec", "nvcodec.cli.nvinfo")  # fmt: skip
ENCODER_ONLY = {"torch", "tqdm", "cv2", "nvcodec.encoder", "numba", "filelock"}


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


@cache
def our_modules() -> dict[str, Path]:
    modules = {}
    for path in sorted((ROOT / "nvcodec").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        modules[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return modules


def import_statements(tree: ast.AST, at_load: bool) -> Iterator[ast.Import | ast.ImportFrom]:
    """Every import statement, or only those that run (at run time, not for types) when the module is loaded."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield node
        elif not (at_load and runs_later(node)):
            yield from import_statements(node, at_load)


def runs_later(node: ast.AST) -> bool:
    """Whether loading the module leaves the node's statements alone: a function's body, imports for types."""
    if isinstance(node, ast.If):
        return "TYPE_CHECKING" in ast.unparse(node.test)
    return isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))


def imported_names(module: str, source: str, is_package: bool, at_load: bool = False) -> set[str]:
    """Absolute dotted names of the modules that a source imports; `from package import name` counts as its module."""
    names = set()
    for node in import_statements(ast.parse(source), at_load):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
            continue
        origin = node.module or ""
        if node.level:
            parents = module.split(".")
            base = parents[: len(parents) - node.level + is_package]
            origin = ".".join([*base, origin] if origin else base)
        submodules = {f"{origin}.{alias.name}" for alias in node.names}
        names.update(name if name in our_modules() else origin for name in submodules)
    return names


@cache
def imports_of(module: str, at_load: bool = False) -> frozenset[str]:
    path = our_modules()[module]
    return frozenset(imported_names(module, path.read_text(encoding="utf-8"), path.name == "__init__.py", at_load))


def package_of(module: str) -> str:
    return ".".join(module.split(".")[:2])


def is_allowed(module: str, name: str) -> bool:
    package = package_of(module)
    top = name.split(".")[0]
    if top in STDLIB or name == "nvcodec.errors" or (package != "nvcodec" and within(name, package)):
        return True
    if package == "nvcodec.synthesis" and top in BACKEND_LIBRARIES:
        return BACKEND_LIBRARIES[top] in module.split(".")[-1]
    # The bare name "nvcodec" stands for the module alone, not for everything below it.
    return any(name == entry if entry == "nvcodec" else within(name, entry) for entry in ALLOWED[package])


def loaded_with(module: str) -> dict[str, str]:
    """Everything loading a module loads, ours and others', each with the module that imports it."""
    reached = {module: module}
    waiting = [module]
    while waiting:
        importer = waiting.pop()
        names = set(imports_of(importer, at_load=True)) if importer in our_modules() else set()
        # Loading a.b.c loads a and a.b too.
        names.update(".".join(importer.split(".")[:depth]) for depth in range(1, importer.count(".") + 1))
        for name in names - reached.keys():
            reached[name] = importer
            waiting.append(name)
    return reached


@pytest.mark.parametrize("module", our_modules())
def test_direction(module: str) -> None:
    assert package_of(module) in ALLOWED, f"{module} belongs to no package that the design names"
    wrong = sorted(name for name in imports_of(module) if not is_allowed(module, name))
    assert not wrong, f"{module} imports {', '.join(wrong)}"


@pytest.mark.parametrize("module", [m for m in our_modules() if any(within(m, r) for r in DECODER_ROOTS[1:])])
def test_decoder_side_never_names_the_encoders_libraries(module: str) -> None:
    wrong = {name for name in imports_of(module) for library in ENCODER_ONLY if within(name, library)}
    assert not wrong, f"{module} imports {', '.join(sorted(wrong))}"


@pytest.mark.parametrize("root", DECODER_ROOTS)
def test_loading_the_decoder_loads_nothing_of_the_encoder(root: str) -> None:
    modules = [name for name in our_modules() if (name == root if root == "nvcodec" else within(name, root))]
    assert modules, f"{root} does not exist"
    for module in modules:
        for name, importer in loaded_with(module).items():
            assert not any(within(name, library) for library in ENCODER_ONLY), f"{module} loads {name} by {importer}"


def test_decoder_loads_where_the_encoders_libraries_cannot_be_imported() -> None:
    modules = [name for name in our_modules() if any(within(name, root) for root in DECODER_ROOTS[1:])]
    blocked = {library for library in ENCODER_ONLY if not library.startswith("nvcodec")}
    program = (
        "import importlib, sys\n"
        f"sys.modules.update(dict.fromkeys({sorted(blocked)!r}))\n"  # None makes `import` raise ImportError
        f"for name in {modules!r}: importlib.import_module(name)\n"
    )
    result = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    ("source", "at_load", "expected"),
    [
        ("import torch.nn as nn", False, {"torch.nn"}),
        ("from nvcodec import errors", False, {"nvcodec.errors"}),
        ("from ..errors import NvcodecError", False, {"nvcodec.errors"}),
        ("from . import coder, tables", False, {"nvcodec.entropy.coder", "nvcodec.entropy.tables"}),
        ("from .coder import SymbolDecoder", False, {"nvcodec.entropy.coder"}),
        ("def f():\n    import torch", False, {"torch"}),
        ("def f():\n    import torch", True, set()),
        ("class C:\n    import torch", True, {"torch"}),
        ("try:\n    import torch\nexcept ImportError:\n    pass", True, {"torch"}),
        ("if TYPE_CHECKING:\n    import torch", True, set()),
    ],
)
def test_imports_are_read(source: str, at_load: bool, expected: set[str]) -> None:
    assert imported_names("nvcodec.entropy.latents", source, is_package=False, at_load=at_load) == expected


@pytest.mark.parametrize(
    ("module", "name", "allowed"),
    [
        ("nvcodec.bitstream.reader", "numpy", False),
        ("nvcodec.bitstream.reader", "nvcodec.errors", True),
        ("nvcodec.synthesis.network", "nvcodec.bitstream.model_config", True),
        ("nvcodec.synthesis.network", "nvcodec.bitstream.units", False),
        ("nvcodec.synthesis.vector_base", "nvcodec.bitstream.headers", True),
        ("nvcodec.synthesis.vector_base", "nvcodec.bitstream.container", False),
        ("nvcodec.synthesis.network", "torch", False),
        ("nvcodec.synthesis.alignment", "torch", False),
        ("nvcodec.synthesis.torch_alignment", "torch", True),
        ("nvcodec.encoder.motion", "cv2", True),
        ("nvcodec.synthesis.alignment", "cv2", False),
        ("nvcodec.decoder.motion", "cv2", False),
        ("nvcodec.synthesis.backend", "torch", False),
        ("nvcodec.synthesis.torch_backend", "torch.nn.functional", True),
        ("nvcodec.synthesis.torch_backend", "onnxruntime", False),
        ("nvcodec.decoder.decoder", "nvcodec.encoder", False),
        ("nvcodec.cli.nvdec", "nvcodec.bitstream.units", False),
        ("nvcodec.cli.nvdec", "nvcodec.decoder", True),
    ],
)
def test_the_rule_itself(module: str, name: str, allowed: bool) -> None:
    assert is_allowed(module, name) is allowed

"""How every tool ends: an error of ours, or one of the machine's, is one line on stderr and exit status 1."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import NoReturn

from nvcodec.errors import NvcodecError


def parser_for(description: str | None) -> argparse.ArgumentParser:
    """A parser whose --help shows the tool's docstring as it stands."""
    return argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)


def run_tool(main: Callable[[], int]) -> NoReturn:
    """Call `main` and exit with what it returns."""
    try:
        status = main()
    except (NvcodecError, OSError) as error:
        print(f"{sys.argv[0]}: {error}", file=sys.stderr)
        status = 1
    except KeyboardInterrupt:
        print(f"{sys.argv[0]}: interrupted", file=sys.stderr)
        status = 130
    sys.exit(status)

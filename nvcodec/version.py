"""The program's version, where everything can import it. pyproject.toml has the same."""

__version__ = "0.1.0"

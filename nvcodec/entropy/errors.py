"""What can be wrong with an entropy-coded payload, or with what is handed to its coder: one class per cause."""

from nvcodec.errors import NvcodecError


class EntropyError(NvcodecError):
    """The entropy-coded part of a payload can't be read or written."""


class PayloadEmpty(EntropyError):
    """An entropy-coded payload has no words: even of no symbols, an encoder writes one."""


class PayloadNotWords(EntropyError):
    """An entropy-coded payload's length isn't a whole number of 32-bit words."""


class PayloadTrailingZero(EntropyError):
    """An entropy-coded payload ends in a zero word, which no encoder writes."""


class PayloadNotConsumed(EntropyError):
    """The last symbol doesn't bring the coder back to its start: words are left over, missing or damaged."""


class TableOutOfRange(EntropyError):
    """A symbol's table index names no table of the specification."""


class SymbolOutOfRange(EntropyError):
    """A symbol to be coded lies outside the alphabet."""


class ShapeMismatch(EntropyError):
    """Symbols to be coded and their table indices differ in shape."""

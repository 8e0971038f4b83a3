"""The root of every error that nvcodec raises on purpose.

The commands turn any `NvcodecError` into one line on stderr and exit status 1; each package
derives one class per cause from it.
"""


class NvcodecError(Exception):
    """Something about the input, the output or the environment stops the work; the message is one line."""

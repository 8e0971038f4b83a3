"""What can be wrong with a decode beyond the file's syntax."""

from nvcodec.errors import NvcodecError


class DecodeError(NvcodecError):
    """A unit's contents cannot be decoded; the message names the unit."""


class DigestMismatch(DecodeError):
    """A decoded picture differs from what the encoder saw."""


class NoDigest(DecodeError):
    """Verification was asked for, but the file has no digest for the picture and scale."""


class ScaleUnknown(NvcodecError):
    """Not one of the network's output sizes."""


class PictureOutOfRange(NvcodecError):
    """No picture of that number in the sequence."""


class MemoryLimit(NvcodecError):
    """Decoding would take more memory than is allowed."""

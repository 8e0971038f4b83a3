"""One class per way in which reading or writing video can go wrong. Every message is one line."""

from __future__ import annotations

from nvcodec.errors import NvcodecError


class VideoError(NvcodecError):
    """Something about a video that is read or written is wrong."""


class FormatUnsupported(VideoError):
    """A picture size, chroma format, bit depth or rate that the codec does not carry."""


class FrameMismatch(VideoError):
    """A frame's planes do not have the shapes or the sample type of its format, or its format is not the writer's."""


class InputUnreadable(VideoError):
    """The operating system refuses to open or read the source."""


class NoPictures(VideoError):
    """The source ends before its first picture."""


class GeometryMissing(VideoError):
    """Raw video whose picture size or frame rate neither the options nor the file's name tell."""


class OptionMisplaced(VideoError):
    """An option for raw video is given with a source that describes itself."""


class SizeMismatch(VideoError):
    """A raw file's size is no multiple of a picture's size."""


class PictureTruncated(VideoError):
    """The source ends inside a picture."""


class SampleOutOfRange(VideoError):
    """A sample does not fit the bit depth."""


class Y4mSyntax(VideoError):
    """A y4m header that breaks the format, or asks for what we do not read."""


class FfmpegMissing(VideoError):
    """imageio-ffmpeg carries no ffmpeg for this machine."""


class FfmpegFailed(VideoError):
    """ffmpeg cannot read the source."""


class NotVideo(VideoError):
    """The source can be opened, but there is no video in it."""


class OutputError(VideoError):
    """The operating system, or ffmpeg, refuses to write the output."""


class OutputExists(OutputError):
    """The output is there already, and may not be overwritten."""


class OutputUnsupported(OutputError):
    """The output's name ends in nothing that we write."""


class OutputClosed(OutputError):
    """The reader of our pipe has gone."""

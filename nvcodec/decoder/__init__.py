"""From an .msn file to pictures. Needs numpy, constriction and one backend; never torch unless it is asked for."""

from nvcodec.decoder.decoder import Decoder

__all__ = ["Decoder"]

"""The encoder: overfits the network to a video and writes the file. Needs torch (the `encoder` extra)."""

"""The commands nvenc, nvdec and nvinfo: glue between the command line and the Python interface."""

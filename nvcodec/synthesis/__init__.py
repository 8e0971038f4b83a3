"""The decoder's network: its layers, its integer arithmetic and one description of its maths.

`network` says what is computed, once; a backend (`numpy_backend`, `onnx_backend`, `torch_backend`, and the
encoder's fit) says how each of its few operations is carried out. All normative values are integers.
"""

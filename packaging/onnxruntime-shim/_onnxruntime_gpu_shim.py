"""Empty on purpose: the distribution exists for its name, `onnxruntime-gpu` brings the code."""

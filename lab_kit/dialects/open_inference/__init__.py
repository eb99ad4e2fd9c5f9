"""The Open Inference Protocol (KServe V2): named tensors in, named tensors out, for any model."""

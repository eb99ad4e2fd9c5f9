"""How the model is served: caches, runtimes, cold starts, versions, wires."""

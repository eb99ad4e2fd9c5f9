"""Where weights come from and stay: the catalog, fetching, verified copies, versions."""

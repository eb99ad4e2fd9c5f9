"""What is kept of a person, over all stores: shown, handed over, and erased."""

"""How much is promised and how far it is reduced: admission and service levels, as values."""

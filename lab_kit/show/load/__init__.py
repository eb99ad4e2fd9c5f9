"""What load does: offered against done, frontiers, callers at once."""

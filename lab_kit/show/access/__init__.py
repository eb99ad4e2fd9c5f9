"""Who may do what, and what was said: keys that end, budgets that drain, words withheld."""

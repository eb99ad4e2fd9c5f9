"""Who may do what: values in, values out. No key, clock or file is read here."""

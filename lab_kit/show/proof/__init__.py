"""Pictures and tables of what proves a service honest."""

"""Forms of the pages of usage and cost: they read what was typed, services decide."""

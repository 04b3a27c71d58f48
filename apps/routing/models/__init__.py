"""Tables of policies and decisions."""

"""Keeping a server running on this machine: a supervisor, a state folder, and the two stages over them."""

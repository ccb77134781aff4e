"""Settings become things that work: the only rooms that choose technologies."""

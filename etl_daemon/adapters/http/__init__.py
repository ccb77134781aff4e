"""HTTP APIs, by httpx."""

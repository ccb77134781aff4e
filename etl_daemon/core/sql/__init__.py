"""SQL text that every destination shares; a dialect names the few differences."""

"""What every SQL destination does alike: one commit protocol over a session that each technology provides."""

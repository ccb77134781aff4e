"""A stand-in for what AWS Glue has on its machines: as much of it as our jobs use, and as strict."""

"""What a destination holds becomes a report on the quality of its data."""

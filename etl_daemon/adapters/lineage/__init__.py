"""Batches as OpenLineage runs: which objects went into which table, and how good they were."""

"""Datasets of any columns: names, types that lose nothing, rules, and how rows meet the columns of their table."""

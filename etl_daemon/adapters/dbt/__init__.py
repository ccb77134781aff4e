"""dbt as a command, with an environment of its own."""

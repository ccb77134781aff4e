#!/bin/sh
# The hourly check: is the pipeline at work, does it go well, is the data as it uses to be; --json for programs.
for command in /usr/local/bin/etl-pipeline "$(dirname -- "$0")/../.venv/bin/etl-daemon"; do
    if [ -x "$command" ]; then exec "$command" monitor "$@"; fi
done
exec etl-daemon monitor "$@"

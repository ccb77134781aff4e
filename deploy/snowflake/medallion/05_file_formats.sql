-- Role:   ETL_DAEMON_MODELER.
-- Does:   says how files are read. Empty cells are null; columns of CSV go by their place, in the order of datasets.toml.
-- Again:  changes no format that is there.

USE ROLE ETL_DAEMON_MODELER;

CREATE FILE FORMAT IF NOT EXISTS FINANCIAL_DATA.BRONZE.ETL_DAEMON_CSV
    TYPE = CSV
    SKIP_HEADER = 1
    FIELD_OPTIONALLY_ENCLOSED_BY = '"'
    ESCAPE_UNENCLOSED_FIELD = NONE -- a backslash is one, as the daemon reads it
    EMPTY_FIELD_AS_NULL = TRUE
    NULL_IF = ()
    SKIP_BLANK_LINES = TRUE
    ENCODING = 'UTF8';

CREATE FILE FORMAT IF NOT EXISTS FINANCIAL_DATA.BRONZE.ETL_DAEMON_JSON
    TYPE = JSON
    STRIP_OUTER_ARRAY = TRUE
    NULL_IF = ();

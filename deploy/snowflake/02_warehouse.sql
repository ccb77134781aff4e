-- Role:   SYSADMIN.
-- Does:   makes the warehouse of the loader, which costs nothing until the first statement and stops after a minute.
--         Of a statement timeout here and one that the daemon sets for its session the smaller counts.
-- Again:  changes nothing that is there; use ALTER WAREHOUSE for other values.

USE ROLE SYSADMIN;

CREATE WAREHOUSE IF NOT EXISTS ETL_DAEMON_WH
    WAREHOUSE_SIZE = 'XSMALL'
    AUTO_SUSPEND = 60
    AUTO_RESUME = TRUE
    INITIALLY_SUSPENDED = TRUE
    STATEMENT_TIMEOUT_IN_SECONDS = 3600
    STATEMENT_QUEUED_TIMEOUT_IN_SECONDS = 600
    COMMENT = 'etl_daemon: loads';

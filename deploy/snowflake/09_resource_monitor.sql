-- Role:   ACCOUNTADMIN: nobody else may make a resource monitor or put a warehouse under one.
-- Does:   optional. Bounds what the warehouse may use in a month, with warnings before it stops.
-- Edit:   CREDIT_QUOTA. An XSMALL warehouse uses one credit for each hour that it runs.
-- Again:  changes no monitor that is there (use ALTER RESOURCE MONITOR), and puts the warehouse under it.

USE ROLE ACCOUNTADMIN;

CREATE RESOURCE MONITOR IF NOT EXISTS ETL_DAEMON_CREDITS WITH
    CREDIT_QUOTA = 50
    FREQUENCY = MONTHLY
    START_TIMESTAMP = IMMEDIATELY
    TRIGGERS
        ON 75 PERCENT DO NOTIFY
        ON 90 PERCENT DO NOTIFY
        ON 100 PERCENT DO SUSPEND
        ON 110 PERCENT DO SUSPEND_IMMEDIATE;

ALTER WAREHOUSE ETL_DAEMON_WH SET RESOURCE_MONITOR = ETL_DAEMON_CREDITS;

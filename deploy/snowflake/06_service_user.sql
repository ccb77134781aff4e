-- Role:   USERADMIN.
-- Does:   makes the user that the daemon signs in as: a service, so without password or browser, by key pair alone.
-- Edit:   RSA_PUBLIC_KEY, see README.md. Snowflake refuses the placeholder, so it cannot stay by mistake.
-- Again:  changes nothing that is there. The key counts when the user is made and never again, so that an old copy of
--         this file cannot bring back a key that was rotated out.

USE ROLE USERADMIN;

CREATE USER IF NOT EXISTS ETL_DAEMON
    TYPE = SERVICE
    RSA_PUBLIC_KEY = 'PUT_THE_PUBLIC_KEY_HERE_WITHOUT_ITS_FIRST_AND_LAST_LINE'
    DEFAULT_ROLE = ETL_DAEMON_LOADER
    DEFAULT_SECONDARY_ROLES = ()
    DEFAULT_WAREHOUSE = ETL_DAEMON_WH
    DEFAULT_NAMESPACE = FINANCIAL_DATA.MARKET_DATA
    COMMENT = 'etl_daemon';

GRANT ROLE ETL_DAEMON_LOADER TO USER ETL_DAEMON;

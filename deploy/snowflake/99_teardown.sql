-- Role:   ACCOUNTADMIN, which has the rights of all roles that made these objects.
-- Does:   drops everything that the other files make, WITH ALL DATA, if the same session has said before:
--             SET ETL_DAEMON_TEARDOWN = 'FINANCIAL_DATA';
--         Otherwise it ends with an error and drops nothing; begin a new session then, as the answer may be cached.
--         UNDROP DATABASE brings the data back while Time Travel lasts, a day by default.
-- Again:  passes over what is gone.

USE ROLE ACCOUNTADMIN;

-- One statement, so that no part of it can be run alone by a slip. The user goes first: a policy that is attached to
-- somebody cannot be dropped.
EXECUTE IMMEDIATE $$
DECLARE
    said VARCHAR;
    not_confirmed EXCEPTION (-20001, 'Nothing was dropped. First: SET ETL_DAEMON_TEARDOWN = ''FINANCIAL_DATA'';');
BEGIN
    SELECT COALESCE(GETVARIABLE('ETL_DAEMON_TEARDOWN'), '') INTO :said;
    IF (said <> 'FINANCIAL_DATA') THEN
        RAISE not_confirmed;
    END IF;
    DROP USER IF EXISTS ETL_DAEMON;
    DROP NETWORK POLICY IF EXISTS ETL_DAEMON_ADDRESSES;
    DROP DATABASE IF EXISTS FINANCIAL_DATA CASCADE;
    DROP WAREHOUSE IF EXISTS ETL_DAEMON_WH;
    DROP RESOURCE MONITOR IF EXISTS ETL_DAEMON_CREDITS;
    DROP ROLE IF EXISTS ETL_DAEMON_LOADER;
    DROP ROLE IF EXISTS ETL_DAEMON_READER;
    RETURN 'dropped: user, network policy, database, warehouse, resource monitor, roles';
END;
$$;

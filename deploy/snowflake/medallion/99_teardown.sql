-- Role:   ACCOUNTADMIN, which has the rights of all roles that made these objects.
-- Does:   drops everything that the other files make, WITH ALL DATA, if the same session has said before:
--             SET ETL_DAEMON_TEARDOWN = 'MEDALLION';
--         Otherwise it ends with an error and drops nothing; begin a new session then, as the answer may be cached.
-- Again:  passes over what is gone.

USE ROLE ACCOUNTADMIN;

-- With their schemas go stages, tables, streams, pipes, procedures, tasks and views; integrations are not in a schema.
EXECUTE IMMEDIATE $$
DECLARE
    said VARCHAR;
    not_confirmed EXCEPTION (-20001, 'Nothing was dropped. First: SET ETL_DAEMON_TEARDOWN = ''MEDALLION'';');
BEGIN
    SELECT COALESCE(GETVARIABLE('ETL_DAEMON_TEARDOWN'), '') INTO :said;
    IF (said <> 'MEDALLION') THEN
        RAISE not_confirmed;
    END IF;
    DROP SCHEMA IF EXISTS FINANCIAL_DATA.GOLD CASCADE;
    DROP SCHEMA IF EXISTS FINANCIAL_DATA.SILVER CASCADE;
    DROP SCHEMA IF EXISTS FINANCIAL_DATA.BRONZE CASCADE;
    DROP INTEGRATION IF EXISTS ETL_DAEMON_ERRORS;
    DROP INTEGRATION IF EXISTS ETL_DAEMON_S3;
    DROP ROLE IF EXISTS ETL_DAEMON_MODELER;
    RETURN 'dropped: schemas, integrations, role';
END;
$$;

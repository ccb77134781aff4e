-- Role:   ACCOUNTADMIN.
-- Does:   drops what setup.sql makes for the models alone, WITH ALL MODELS, if the same session has said before:
--             SET ETL_MODELS_TEARDOWN = 'FINANCIAL_MODELS';
--         Otherwise it ends with an error and drops nothing. FINANCIAL_DATA.RAW goes with the daemon's database.
-- Again:  passes over what is gone.

USE ROLE ACCOUNTADMIN;

EXECUTE IMMEDIATE $$
DECLARE
    said VARCHAR;
    not_confirmed EXCEPTION (-20001, 'Nothing was dropped. First: SET ETL_MODELS_TEARDOWN = ''FINANCIAL_MODELS'';');
BEGIN
    SELECT COALESCE(GETVARIABLE('ETL_MODELS_TEARDOWN'), '') INTO :said;
    IF (said <> 'FINANCIAL_MODELS') THEN
        RAISE not_confirmed;
    END IF;
    DROP DATABASE IF EXISTS FINANCIAL_MODELS_DEV CASCADE;
    DROP DATABASE IF EXISTS FINANCIAL_MODELS_PROD CASCADE;
    DROP ROLE IF EXISTS ETL_DAEMON_DBT;
    RETURN 'dropped: databases of models, role';
END;
$$;

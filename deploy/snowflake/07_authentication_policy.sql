-- Role:   ACCOUNTADMIN, which may attach authentication policies.
-- Does:   optional. Holds the user to its key pair, whatever else the account allows: tokens and OAuth are refused too.
-- Again:  leaves the same policy attached.

USE ROLE ACCOUNTADMIN;

CREATE AUTHENTICATION POLICY IF NOT EXISTS FINANCIAL_DATA.ETL_CONTROL.ETL_DAEMON_KEY_PAIR_ONLY
    AUTHENTICATION_METHODS = ('KEYPAIR')
    COMMENT = 'etl_daemon: key pair only';

-- A user has one authentication policy; SET fails while there is one, and UNSET may fail while there is none.
EXECUTE IMMEDIATE $$
BEGIN
    ALTER USER ETL_DAEMON UNSET AUTHENTICATION POLICY;
EXCEPTION
    WHEN STATEMENT_ERROR THEN
        RETURN 'there was no policy';
END;
$$;

ALTER USER ETL_DAEMON SET AUTHENTICATION POLICY FINANCIAL_DATA.ETL_CONTROL.ETL_DAEMON_KEY_PAIR_ONLY;

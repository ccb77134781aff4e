-- Role:   SECURITYADMIN.
-- Does:   optional. Lets the user in from the daemon's addresses only; other users are not touched.
-- Edit:   the addresses in the ALTER statement. 203.0.113.0/24 belongs to nobody: it stands in documentation only.
--         For private links use network rules in place of the list.
-- Again:  brings the list to what is written here.

USE ROLE SECURITYADMIN;

CREATE NETWORK POLICY IF NOT EXISTS ETL_DAEMON_ADDRESSES
    ALLOWED_IP_LIST = ('203.0.113.10')
    COMMENT = 'etl_daemon: where the daemon runs';

ALTER NETWORK POLICY ETL_DAEMON_ADDRESSES SET ALLOWED_IP_LIST = ('203.0.113.10');

ALTER USER ETL_DAEMON SET NETWORK_POLICY = ETL_DAEMON_ADDRESSES;

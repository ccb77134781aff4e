-- Role:   USERADMIN.
-- Does:   makes the role that loads and the role that reads, both under SYSADMIN.
-- Again:  changes nothing that is there.

USE ROLE USERADMIN;

CREATE ROLE IF NOT EXISTS ETL_DAEMON_LOADER COMMENT = 'etl_daemon: loads rows, keeps ledger and quarantine';
CREATE ROLE IF NOT EXISTS ETL_DAEMON_READER COMMENT = 'etl_daemon: reads the loaded tables';

-- What hangs under SYSADMIN can be seen and repaired by the administrators of the data.
GRANT ROLE ETL_DAEMON_LOADER TO ROLE SYSADMIN;
GRANT ROLE ETL_DAEMON_READER TO ROLE SYSADMIN;

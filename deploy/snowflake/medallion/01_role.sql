-- Role:   USERADMIN.
-- Does:   makes the role that owns what is between the bucket and gold, under SYSADMIN.
-- Again:  changes nothing that is there.

USE ROLE USERADMIN;

CREATE ROLE IF NOT EXISTS ETL_DAEMON_MODELER COMMENT = 'etl_daemon: bronze, silver and gold';

GRANT ROLE ETL_DAEMON_MODELER TO ROLE SYSADMIN;

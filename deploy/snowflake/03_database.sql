-- Role:   SYSADMIN.
-- Does:   makes the database and its schemas. In a schema with managed access only the schema's owner decides who may
--         do what, not the owner of each table.
-- Again:  changes nothing that is there.

USE ROLE SYSADMIN;

CREATE DATABASE IF NOT EXISTS FINANCIAL_DATA COMMENT = 'etl_daemon: market data';

CREATE SCHEMA IF NOT EXISTS FINANCIAL_DATA.MARKET_DATA WITH MANAGED ACCESS COMMENT = 'Prices';
CREATE SCHEMA IF NOT EXISTS FINANCIAL_DATA.ANALYTICS WITH MANAGED ACCESS COMMENT = 'Indicators and anomalies';
CREATE SCHEMA IF NOT EXISTS FINANCIAL_DATA.ETL_CONTROL WITH MANAGED ACCESS COMMENT = 'Ledger, cursors, quarantine';

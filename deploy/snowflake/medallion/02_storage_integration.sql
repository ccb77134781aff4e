-- Role:   ACCOUNTADMIN, which may make integrations.
-- Does:   lets Snowflake read below the prefix of the bucket, as the role SnowflakeRole of deploy/aws/roles.yaml.
-- Edit:   role and bucket. DESC INTEGRATION ETL_DAEMON_S3 then says whom to let in: give that to roles.yaml. It is
--         never replaced, since that would be another external id.
-- Again:  changes nothing that is there; use ALTER STORAGE INTEGRATION for other values.

USE ROLE ACCOUNTADMIN;

CREATE STORAGE INTEGRATION IF NOT EXISTS ETL_DAEMON_S3
    TYPE = EXTERNAL_STAGE
    STORAGE_PROVIDER = 'S3'
    ENABLED = TRUE
    STORAGE_AWS_ROLE_ARN = 'arn:aws:iam::123456789012:role/etl-roles-SnowflakeRole'
    STORAGE_ALLOWED_LOCATIONS = ('s3://my-market-data/processed/')
    COMMENT = 'etl_daemon: reads objects';

GRANT USAGE ON INTEGRATION ETL_DAEMON_S3 TO ROLE ETL_DAEMON_MODELER;

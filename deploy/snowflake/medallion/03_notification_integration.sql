-- Role:   ACCOUNTADMIN, which may make integrations and let tasks run.
-- Does:   sends errors of pipes and tasks to the topic of deploy/aws/notifications.yaml, which mails them.
-- Edit:   topic and role. DESC INTEGRATION ETL_DAEMON_ERRORS then says whom to let in: give that to notifications.yaml.
-- Again:  changes nothing that is there; use ALTER NOTIFICATION INTEGRATION for other values.

USE ROLE ACCOUNTADMIN;

CREATE NOTIFICATION INTEGRATION IF NOT EXISTS ETL_DAEMON_ERRORS
    ENABLED = TRUE
    TYPE = QUEUE
    NOTIFICATION_PROVIDER = AWS_SNS
    DIRECTION = OUTBOUND
    AWS_SNS_TOPIC_ARN = 'arn:aws:sns:us-east-1:123456789012:etl-snowflake-errors'
    AWS_SNS_ROLE_ARN = 'arn:aws:iam::123456789012:role/etl-notifications-SnowflakeRole'
    COMMENT = 'etl_daemon: errors of pipes and tasks';

GRANT USAGE ON INTEGRATION ETL_DAEMON_ERRORS TO ROLE ETL_DAEMON_MODELER;

-- A task runs as its owner.
GRANT EXECUTE TASK ON ACCOUNT TO ROLE ETL_DAEMON_MODELER;

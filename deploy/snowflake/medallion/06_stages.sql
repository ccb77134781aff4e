-- Role:   ETL_DAEMON_MODELER.
-- Does:   makes the external stages, one for each dataset.
--         Below USE ROLE it is made from datasets.toml: `make medallion`.
-- Edit:   the bucket.
-- Again:  changes no stage that is there: pipes hold on to them.

USE ROLE ETL_DAEMON_MODELER;

CREATE STAGE IF NOT EXISTS FINANCIAL_DATA.BRONZE.SOURCE_DATA_CUSTOMER_STAGE
    URL = 's3://my-market-data/processed/customers/'
    STORAGE_INTEGRATION = ETL_DAEMON_S3
    FILE_FORMAT = (FORMAT_NAME = 'FINANCIAL_DATA.BRONZE.ETL_DAEMON_CSV');

CREATE STAGE IF NOT EXISTS FINANCIAL_DATA.BRONZE.SOURCE_DATA_PRICE_STAGE
    URL = 's3://my-market-data/processed/quotes/'
    STORAGE_INTEGRATION = ETL_DAEMON_S3
    FILE_FORMAT = (FORMAT_NAME = 'FINANCIAL_DATA.BRONZE.ETL_DAEMON_JSON');

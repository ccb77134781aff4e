-- Role:   ETL_DAEMON_MODELER.
-- Does:   makes the streams, which know what has come into bronze since the last merge; at first, all of it.
--         Below USE ROLE it is made from datasets.toml: `make medallion`.
-- Again:  changes no stream that is there: one that is made anew has forgotten how far the merge was.

USE ROLE ETL_DAEMON_MODELER;

CREATE STREAM IF NOT EXISTS FINANCIAL_DATA.BRONZE.WORK_CUSTOMER_SRC_TO_SL_STREAM
    ON TABLE FINANCIAL_DATA.BRONZE.WORK_CUSTOMER_COPY
    APPEND_ONLY = TRUE
    SHOW_INITIAL_ROWS = TRUE;

CREATE STREAM IF NOT EXISTS FINANCIAL_DATA.BRONZE.WORK_PRICE_SRC_TO_SL_STREAM
    ON TABLE FINANCIAL_DATA.BRONZE.WORK_PRICE_COPY
    APPEND_ONLY = TRUE
    SHOW_INITIAL_ROWS = TRUE;

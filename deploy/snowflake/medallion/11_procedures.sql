-- Role:   ETL_DAEMON_MODELER.
-- Does:   makes the procedures that bring what is new in bronze into silver. SQL: core/sql/silver.py; the rest: procedure.js.
--         Below USE ROLE it is made from datasets.toml: `make medallion`.
-- Again:  replaces them, which lose nothing: procedures hold no data.

USE ROLE ETL_DAEMON_MODELER;

CREATE OR REPLACE PROCEDURE FINANCIAL_DATA.BRONZE.WORK_CUSTOMER_SRC_TO_SL_SP()
RETURNS VARIANT
LANGUAGE JAVASCRIPT
COMMENT = 'etl_daemon: what is new in FINANCIAL_DATA.BRONZE.WORK_CUSTOMER_COPY into FINANCIAL_DATA.SILVER.CUSTOMER'
EXECUTE AS OWNER
AS
$$
// One transaction: what is new leaves the stream only if silver has taken it. The SQL is that of etl-daemon models run.
function execute(text, binds) {
    const statement = snowflake.createStatement({sqlText: text, binds: binds || []});
    const rows = statement.execute();
    return {statement: statement, rows: rows};
}

function first(text) {
    const rows = execute(text).rows;
    rows.next();
    return rows;
}

const run = first("SELECT UUID_STRING(), TO_VARCHAR(SYSDATE(), 'YYYY-MM-DD HH24:MI:SS.FF6')");
const id = run.getColumnValue(1);
const now = run.getColumnValue(2);

// DDL commits what is open, so it comes before.
execute(`CREATE OR REPLACE TEMPORARY TABLE FINANCIAL_DATA.BRONZE.WORK_CUSTOMER_XFM (
    "CUSTOMER_ID" NUMERIC(18,0), "CUSTOMER_TYPE" VARCHAR, "NAME" VARCHAR, "EMAIL" VARCHAR,
    "PHONE" VARCHAR, "CITY" VARCHAR, "COUNTRY" VARCHAR, "CREDIT_LIMIT" NUMERIC(18,2),
    "CUSTOMER_SINCE" DATE, "UPDATED_AT" TIMESTAMP_NTZ, "MD5_HASH" VARCHAR, "SOURCE_FILE_NAME" VARCHAR,
    "SOURCE_FILE_ROW_NUMBER" BIGINT, "SOURCE_FILE_LAST_MODIFIED" TIMESTAMP_NTZ, "PROCESS_NAME" VARCHAR,
    "PROCESS_ID" VARCHAR, "PROCESS_DTS" TIMESTAMP_NTZ
)`);

execute("BEGIN TRANSACTION");
try {
    const unkeyed = first(`SELECT COUNT(*) FROM (SELECT r."CUSTOMER_ID" AS "CUSTOMER_ID"
        FROM (SELECT * FROM FINANCIAL_DATA.BRONZE.WORK_CUSTOMER_SRC_TO_SL_STREAM) AS r) AS n WHERE NOT ("CUSTOMER_ID" IS NOT NULL)`).getColumnValue(1);

    execute(`INSERT INTO FINANCIAL_DATA.BRONZE.WORK_CUSTOMER_XFM (
    "CUSTOMER_ID", "CUSTOMER_TYPE", "NAME", "EMAIL", "PHONE", "CITY", "COUNTRY", "CREDIT_LIMIT",
    "CUSTOMER_SINCE", "UPDATED_AT", "MD5_HASH", "SOURCE_FILE_NAME", "SOURCE_FILE_ROW_NUMBER",
    "SOURCE_FILE_LAST_MODIFIED", "PROCESS_NAME", "PROCESS_ID", "PROCESS_DTS"
)
SELECT "CUSTOMER_ID", "CUSTOMER_TYPE", "NAME", "EMAIL", "PHONE", "CITY", "COUNTRY", "CREDIT_LIMIT",
       "CUSTOMER_SINCE", "UPDATED_AT",
       MD5(COALESCE('CUSTOMER_TYPE=' || CAST(LENGTH("CUSTOMER_TYPE") AS VARCHAR) || ':' || "CUSTOMER_TYPE" || ';', '')
           || COALESCE('NAME=' || CAST(LENGTH("NAME") AS VARCHAR) || ':' || "NAME" || ';', '')
           || COALESCE('EMAIL=' || CAST(LENGTH("EMAIL") AS VARCHAR) || ':' || "EMAIL" || ';', '')
           || COALESCE('PHONE=' || CAST(LENGTH("PHONE") AS VARCHAR) || ':' || "PHONE" || ';', '')
           || COALESCE('CITY=' || CAST(LENGTH("CITY") AS VARCHAR) || ':' || "CITY" || ';', '')
           || COALESCE('COUNTRY=' || CAST(LENGTH("COUNTRY") AS VARCHAR) || ':' || "COUNTRY" || ';', '')
           || COALESCE('CREDIT_LIMIT=' || CAST(LENGTH(CAST("CREDIT_LIMIT" AS VARCHAR)) AS VARCHAR) || ':' || CAST("CREDIT_LIMIT" AS VARCHAR) || ';', '')
           || COALESCE('CUSTOMER_SINCE=' || CAST(LENGTH(TO_VARCHAR("CUSTOMER_SINCE", 'YYYY-MM-DD')) AS VARCHAR) || ':' || TO_VARCHAR("CUSTOMER_SINCE", 'YYYY-MM-DD') || ';', '')
           || COALESCE('UPDATED_AT=' || CAST(LENGTH(TO_VARCHAR("UPDATED_AT", 'YYYY-MM-DD HH24:MI:SS.FF9')) AS VARCHAR) || ':' || TO_VARCHAR("UPDATED_AT", 'YYYY-MM-DD HH24:MI:SS.FF9') || ';', '')),
       "SOURCE_FILE_NAME", "SOURCE_FILE_ROW_NUMBER", "SOURCE_FILE_LAST_MODIFIED",
       CAST(? AS VARCHAR), CAST(? AS VARCHAR), CAST(? AS TIMESTAMP_NTZ)
FROM (
    SELECT b."CUSTOMER_ID", b."CUSTOMER_TYPE", b."NAME", b."EMAIL", b."PHONE", b."CITY", b."COUNTRY",
           b."CREDIT_LIMIT", b."CUSTOMER_SINCE", b."UPDATED_AT", b."SOURCE_FILE_NAME",
           b."SOURCE_FILE_ROW_NUMBER", b."SOURCE_FILE_LAST_MODIFIED",
           ROW_NUMBER() OVER (
               PARTITION BY b."CUSTOMER_ID"
               ORDER BY b."UPDATED_AT" DESC NULLS LAST, b."SOURCE_FILE_LAST_MODIFIED" DESC NULLS LAST,
               b."SOURCE_FILE_NAME" DESC NULLS LAST, b."SOURCE_FILE_ROW_NUMBER" DESC NULLS LAST
           ) AS NTH
    FROM (
        SELECT r."CUSTOMER_ID" AS "CUSTOMER_ID", LOWER(TRIM(r."CUSTOMER_TYPE")) AS "CUSTOMER_TYPE",
               TRIM(r."NAME") AS "NAME", NULLIF(LOWER(TRIM(r."EMAIL")), '') AS "EMAIL",
               NULLIF(TRIM(r."PHONE"), '') AS "PHONE", NULLIF(TRIM(r."CITY"), '') AS "CITY",
               UPPER(TRIM(r."COUNTRY")) AS "COUNTRY", r."CREDIT_LIMIT" AS "CREDIT_LIMIT",
               r."CUSTOMER_SINCE" AS "CUSTOMER_SINCE", r."UPDATED_AT" AS "UPDATED_AT",
               r."SOURCE_FILE_LAST_MODIFIED", r."SOURCE_FILE_NAME", r."SOURCE_FILE_ROW_NUMBER"
        FROM FINANCIAL_DATA.BRONZE.WORK_CUSTOMER_COPY AS r
    ) AS b JOIN (
        SELECT DISTINCT "CUSTOMER_ID" FROM (SELECT r."CUSTOMER_ID" AS "CUSTOMER_ID"
        FROM (SELECT * FROM FINANCIAL_DATA.BRONZE.WORK_CUSTOMER_SRC_TO_SL_STREAM) AS r) AS k
    ) AS n ON n."CUSTOMER_ID" = b."CUSTOMER_ID"
) AS latest
WHERE NTH = 1 AND "CUSTOMER_ID" IS NOT NULL`, ["WORK_CUSTOMER_SRC_TO_SL_SP", id, now]);

    const merged = execute(`MERGE INTO FINANCIAL_DATA.SILVER.CUSTOMER AS t
USING FINANCIAL_DATA.BRONZE.WORK_CUSTOMER_XFM AS s
ON t."CUSTOMER_ID" = s."CUSTOMER_ID"
WHEN MATCHED AND t."MD5_HASH" <> s."MD5_HASH" THEN UPDATE SET
    "CUSTOMER_TYPE" = s."CUSTOMER_TYPE", "NAME" = s."NAME", "EMAIL" = s."EMAIL", "PHONE" = s."PHONE",
    "CITY" = s."CITY", "COUNTRY" = s."COUNTRY", "CREDIT_LIMIT" = s."CREDIT_LIMIT",
    "CUSTOMER_SINCE" = s."CUSTOMER_SINCE", "UPDATED_AT" = s."UPDATED_AT", "MD5_HASH" = s."MD5_HASH",
    "SOURCE_FILE_NAME" = s."SOURCE_FILE_NAME", "SOURCE_FILE_ROW_NUMBER" = s."SOURCE_FILE_ROW_NUMBER",
    "SOURCE_FILE_LAST_MODIFIED" = s."SOURCE_FILE_LAST_MODIFIED", "PROCESS_NAME" = s."PROCESS_NAME",
    "PROCESS_ID" = s."PROCESS_ID", "UPDATE_DTS" = s."PROCESS_DTS"
WHEN NOT MATCHED THEN INSERT (
    "CUSTOMER_ID", "CUSTOMER_TYPE", "NAME", "EMAIL", "PHONE", "CITY", "COUNTRY", "CREDIT_LIMIT",
    "CUSTOMER_SINCE", "UPDATED_AT", "MD5_HASH", "SOURCE_FILE_NAME", "SOURCE_FILE_ROW_NUMBER",
    "SOURCE_FILE_LAST_MODIFIED", "PROCESS_NAME", "PROCESS_ID", "INSERT_DTS", "UPDATE_DTS"
) VALUES (
    s."CUSTOMER_ID", s."CUSTOMER_TYPE", s."NAME", s."EMAIL", s."PHONE", s."CITY", s."COUNTRY",
    s."CREDIT_LIMIT", s."CUSTOMER_SINCE", s."UPDATED_AT", s."MD5_HASH", s."SOURCE_FILE_NAME",
    s."SOURCE_FILE_ROW_NUMBER", s."SOURCE_FILE_LAST_MODIFIED", s."PROCESS_NAME", s."PROCESS_ID",
    s."PROCESS_DTS", s."PROCESS_DTS"
)`).statement;
    const inserted = merged.getNumRowsInserted();
    const updated = merged.getNumRowsUpdated();

    execute("COMMIT");
    return {process_id: id, rows_inserted: inserted, rows_updated: updated, rows_without_key: unkeyed};
} catch (error) {
    try {
        execute("ROLLBACK");
    } catch (another) {
        // Snowflake rolls back at the end of the procedure, too; the first error is the one to tell.
    }
    // The task fails with it, and its error integration sends it on.
    throw error;
}
$$;

CREATE OR REPLACE PROCEDURE FINANCIAL_DATA.BRONZE.WORK_PRICE_SRC_TO_SL_SP()
RETURNS VARIANT
LANGUAGE JAVASCRIPT
COMMENT = 'etl_daemon: what is new in FINANCIAL_DATA.BRONZE.WORK_PRICE_COPY into FINANCIAL_DATA.SILVER.PRICE'
EXECUTE AS OWNER
AS
$$
// One transaction: what is new leaves the stream only if silver has taken it. The SQL is that of etl-daemon models run.
function execute(text, binds) {
    const statement = snowflake.createStatement({sqlText: text, binds: binds || []});
    const rows = statement.execute();
    return {statement: statement, rows: rows};
}

function first(text) {
    const rows = execute(text).rows;
    rows.next();
    return rows;
}

const run = first("SELECT UUID_STRING(), TO_VARCHAR(SYSDATE(), 'YYYY-MM-DD HH24:MI:SS.FF6')");
const id = run.getColumnValue(1);
const now = run.getColumnValue(2);

// DDL commits what is open, so it comes before.
execute(`CREATE OR REPLACE TEMPORARY TABLE FINANCIAL_DATA.BRONZE.WORK_PRICE_XFM (
    "SYMBOL" VARCHAR, "TIMESTAMP" TIMESTAMP_NTZ, "OPEN" NUMERIC(20,8), "HIGH" NUMERIC(20,8),
    "LOW" NUMERIC(20,8), "CLOSE" NUMERIC(20,8), "VOLUME" NUMERIC(28,8), "MD5_HASH" VARCHAR,
    "SOURCE_FILE_NAME" VARCHAR, "SOURCE_FILE_ROW_NUMBER" BIGINT,
    "SOURCE_FILE_LAST_MODIFIED" TIMESTAMP_NTZ, "PROCESS_NAME" VARCHAR, "PROCESS_ID" VARCHAR,
    "PROCESS_DTS" TIMESTAMP_NTZ
)`);

execute("BEGIN TRANSACTION");
try {
    const unkeyed = first(`SELECT COUNT(*) FROM (SELECT UPPER(TRIM(r."SYMBOL")) AS "SYMBOL", r."TIMESTAMP" AS "TIMESTAMP"
        FROM (SELECT * FROM FINANCIAL_DATA.BRONZE.WORK_PRICE_SRC_TO_SL_STREAM) AS r) AS n WHERE NOT ("SYMBOL" IS NOT NULL AND "TIMESTAMP" IS NOT NULL)`).getColumnValue(1);

    execute(`INSERT INTO FINANCIAL_DATA.BRONZE.WORK_PRICE_XFM (
    "SYMBOL", "TIMESTAMP", "OPEN", "HIGH", "LOW", "CLOSE", "VOLUME", "MD5_HASH", "SOURCE_FILE_NAME",
    "SOURCE_FILE_ROW_NUMBER", "SOURCE_FILE_LAST_MODIFIED", "PROCESS_NAME", "PROCESS_ID", "PROCESS_DTS"
)
SELECT "SYMBOL", "TIMESTAMP", "OPEN", "HIGH", "LOW", "CLOSE", "VOLUME",
       MD5(COALESCE('OPEN=' || CAST(LENGTH(CAST("OPEN" AS VARCHAR)) AS VARCHAR) || ':' || CAST("OPEN" AS VARCHAR) || ';', '')
           || COALESCE('HIGH=' || CAST(LENGTH(CAST("HIGH" AS VARCHAR)) AS VARCHAR) || ':' || CAST("HIGH" AS VARCHAR) || ';', '')
           || COALESCE('LOW=' || CAST(LENGTH(CAST("LOW" AS VARCHAR)) AS VARCHAR) || ':' || CAST("LOW" AS VARCHAR) || ';', '')
           || COALESCE('CLOSE=' || CAST(LENGTH(CAST("CLOSE" AS VARCHAR)) AS VARCHAR) || ':' || CAST("CLOSE" AS VARCHAR) || ';', '')
           || COALESCE('VOLUME=' || CAST(LENGTH(CAST("VOLUME" AS VARCHAR)) AS VARCHAR) || ':' || CAST("VOLUME" AS VARCHAR) || ';', '')),
       "SOURCE_FILE_NAME", "SOURCE_FILE_ROW_NUMBER", "SOURCE_FILE_LAST_MODIFIED",
       CAST(? AS VARCHAR), CAST(? AS VARCHAR), CAST(? AS TIMESTAMP_NTZ)
FROM (
    SELECT b."SYMBOL", b."TIMESTAMP", b."OPEN", b."HIGH", b."LOW", b."CLOSE", b."VOLUME", b."SOURCE_FILE_NAME",
           b."SOURCE_FILE_ROW_NUMBER", b."SOURCE_FILE_LAST_MODIFIED",
           ROW_NUMBER() OVER (
               PARTITION BY b."SYMBOL", b."TIMESTAMP"
               ORDER BY b."SOURCE_FILE_LAST_MODIFIED" DESC NULLS LAST, b."SOURCE_FILE_NAME" DESC NULLS LAST,
               b."SOURCE_FILE_ROW_NUMBER" DESC NULLS LAST
           ) AS NTH
    FROM (
        SELECT UPPER(TRIM(r."SYMBOL")) AS "SYMBOL", r."TIMESTAMP" AS "TIMESTAMP", r."OPEN" AS "OPEN",
               r."HIGH" AS "HIGH", r."LOW" AS "LOW", r."CLOSE" AS "CLOSE", r."VOLUME" AS "VOLUME",
               r."SOURCE_FILE_LAST_MODIFIED", r."SOURCE_FILE_NAME", r."SOURCE_FILE_ROW_NUMBER"
        FROM FINANCIAL_DATA.BRONZE.WORK_PRICE_COPY AS r
    ) AS b JOIN (
        SELECT DISTINCT "SYMBOL", "TIMESTAMP" FROM (SELECT UPPER(TRIM(r."SYMBOL")) AS "SYMBOL", r."TIMESTAMP" AS "TIMESTAMP"
        FROM (SELECT * FROM FINANCIAL_DATA.BRONZE.WORK_PRICE_SRC_TO_SL_STREAM) AS r) AS k
    ) AS n ON n."SYMBOL" = b."SYMBOL" AND n."TIMESTAMP" = b."TIMESTAMP"
) AS latest
WHERE NTH = 1 AND "SYMBOL" IS NOT NULL AND "TIMESTAMP" IS NOT NULL`, ["WORK_PRICE_SRC_TO_SL_SP", id, now]);

    const merged = execute(`MERGE INTO FINANCIAL_DATA.SILVER.PRICE AS t
USING FINANCIAL_DATA.BRONZE.WORK_PRICE_XFM AS s
ON t."SYMBOL" = s."SYMBOL" AND t."TIMESTAMP" = s."TIMESTAMP"
WHEN MATCHED AND t."MD5_HASH" <> s."MD5_HASH" THEN UPDATE SET
    "OPEN" = s."OPEN", "HIGH" = s."HIGH", "LOW" = s."LOW", "CLOSE" = s."CLOSE", "VOLUME" = s."VOLUME",
    "MD5_HASH" = s."MD5_HASH", "SOURCE_FILE_NAME" = s."SOURCE_FILE_NAME",
    "SOURCE_FILE_ROW_NUMBER" = s."SOURCE_FILE_ROW_NUMBER",
    "SOURCE_FILE_LAST_MODIFIED" = s."SOURCE_FILE_LAST_MODIFIED", "PROCESS_NAME" = s."PROCESS_NAME",
    "PROCESS_ID" = s."PROCESS_ID", "UPDATE_DTS" = s."PROCESS_DTS"
WHEN NOT MATCHED THEN INSERT (
    "SYMBOL", "TIMESTAMP", "OPEN", "HIGH", "LOW", "CLOSE", "VOLUME", "MD5_HASH", "SOURCE_FILE_NAME",
    "SOURCE_FILE_ROW_NUMBER", "SOURCE_FILE_LAST_MODIFIED", "PROCESS_NAME", "PROCESS_ID", "INSERT_DTS",
    "UPDATE_DTS"
) VALUES (
    s."SYMBOL", s."TIMESTAMP", s."OPEN", s."HIGH", s."LOW", s."CLOSE", s."VOLUME", s."MD5_HASH",
    s."SOURCE_FILE_NAME", s."SOURCE_FILE_ROW_NUMBER", s."SOURCE_FILE_LAST_MODIFIED", s."PROCESS_NAME",
    s."PROCESS_ID", s."PROCESS_DTS", s."PROCESS_DTS"
)`).statement;
    const inserted = merged.getNumRowsInserted();
    const updated = merged.getNumRowsUpdated();

    execute("COMMIT");
    return {process_id: id, rows_inserted: inserted, rows_updated: updated, rows_without_key: unkeyed};
} catch (error) {
    try {
        execute("ROLLBACK");
    } catch (another) {
        // Snowflake rolls back at the end of the procedure, too; the first error is the one to tell.
    }
    // The task fails with it, and its error integration sends it on.
    throw error;
}
$$;

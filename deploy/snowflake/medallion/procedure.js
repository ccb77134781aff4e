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
execute(`@shelf@`);

execute("BEGIN TRANSACTION");
try {
    const unkeyed = first(`@unkeyed@`).getColumnValue(1);

    execute(`@refining@`, ["@process@", id, now]);

    const merged = execute(`@merge@`).statement;
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

// node procedure_harness.js BODY ANSWERS FAILS: runs a procedure's body as Snowflake would, with statements that are
// written down and not run; prints {"sent": [{text, binds}], "gave": ..., "threw": ...} as JSON.
// ANSWERS: JSON list of [beginning of a statement, first row]; FAILS: beginnings of statements that raise, as JSON.
"use strict";
const fs = require("fs");
const [body, answers, fails] = [fs.readFileSync(process.argv[2], "utf8"), ...process.argv.slice(3).map((text) => JSON.parse(text))];
const sent = [];

const snowflake = {
    createStatement({sqlText, binds}) {
        return {
            execute() {
                sent.push({text: sqlText, binds: binds});
                if (fails.some((beginning) => sqlText.startsWith(beginning))) throw new Error(`failed: ${sqlText.split(" ", 2).join(" ")}`);
                const [, row] = answers.find(([beginning]) => sqlText.startsWith(beginning)) || [null, []];
                return {next: () => row.length > 0, getColumnValue: (n) => row[n - 1]};
            },
            getNumRowsInserted: () => 2,
            getNumRowsUpdated: () => 1,
        };
    },
};

const ended = {sent: sent};
try {
    ended.gave = new Function("snowflake", body)(snowflake);
} catch (error) {
    ended.threw = error.message;
}
console.log(JSON.stringify(ended));

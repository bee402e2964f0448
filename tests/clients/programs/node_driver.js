// The Node driver: connect, DDL, DML with binds, transactions, streams, multiple statements, PUT and GET, errors.
"use strict";
const fs = require("fs");
const os = require("os");
const path = require("path");
const snowflake = require("snowflake-sdk");

snowflake.configure({ logLevel: "OFF", additionalLogToConsole: false });
const env = process.env;
const login = {
  accessUrl: `http://${env.SNOWFLAKE_HOST}:${env.SNOWFLAKE_PORT}`,
  account: env.SNOWFLAKE_ACCOUNT,
  username: env.SNOWFLAKE_USER,
  password: env.SNOWFLAKE_PASSWORD,
  role: "ACCOUNTADMIN",
};
const connection = snowflake.createConnection(login);
const connect = (other) =>
  new Promise((resolve, reject) => other.connect((error) => (error ? reject(error) : resolve(other))));
const run = (sqlText, binds, more = {}) =>
  new Promise((resolve, reject) =>
    connection.execute({
      sqlText,
      binds,
      ...more,
      complete: (error, statement, rows) => (error ? reject(error) : resolve({ statement, rows })),
    }),
  );
const rows = async (sqlText, binds, more) => (await run(sqlText, binds, more)).rows;
const tell = (step, outcome, detail = "") =>
  process.stdout.write(`${JSON.stringify({ step, outcome, detail: String(detail).replace(/\s+/g, " ").slice(0, 200) })}\n`);

async function step(name, action, expected) {
  try {
    const value = await action();
    const same = expected === undefined || JSON.stringify(value) === JSON.stringify(expected);
    tell(name, same ? "answered" : "wrong", same ? "" : `${JSON.stringify(value)} instead of ${JSON.stringify(expected)}`);
  } catch (error) {
    tell(name, String(error.message).includes("Unsupported feature") ? "refused" : "wrong", error.message || error);
  }
}

async function failure(sqlText) {
  try {
    await run(sqlText);
  } catch (error) {
    return [error.code, error.sqlState];
  }
  return [];
}

async function streamed() {
  const { statement } = await run("select seq4() as I from table(generator(rowcount => 30000))", [], { streamResult: true });
  let count = 0;
  for await (const row of statement.streamRows()) count += row.I >= 0 ? 1 : 0;
  return [count, statement.getNumRows()];
}

async function files() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "node-"));
  fs.writeFileSync(path.join(folder, "a.txt"), "content");
  const put = await rows(`put file://${folder}/a.txt @ST/in auto_compress=false`);
  fs.mkdirSync(path.join(folder, "back"));
  await rows(`get @ST/in/a.txt file://${folder}/back/`);
  const listed = await rows("list @ST");
  return [put[0].status, fs.readFileSync(path.join(folder, "back", "a.txt"), "utf8"), listed.length];
}

async function asynchronous() {
  const { statement } = await run("select 5 as A", [], { asyncExec: true });
  const id = statement.getQueryId();
  const done = await connection.getResultsFromQueryId({ queryId: id });
  const found = [];
  for await (const row of done.streamRows()) found.push(row.A);
  return [found, connection.isStillRunning(await connection.getQueryStatus(id))];
}

async function transaction() {
  await run("begin");
  await run("delete from T");
  await run("rollback");
  return (await rows("select count(*) as N from T"))[0].N;
}

async function severalStatements() {
  const { statement } = await run("select 1 as A; select 2 as A;", [], { parameters: { MULTI_STATEMENT_COUNT: 2 } });
  return statement.hasNext();
}

async function description() {
  const { statement } = await run("select 1 as ID, 'x' as NAME, 1.5::float as F, '2020-01-02'::date as D, parse_json('1') as V");
  return statement.getColumns().map((column) => [column.getName(), column.getType()]);
}

(async () => {
  await step("connect", async () => (await connect(connection)).isUp(), true);
  await step("is valid", () => connection.isValidAsync(), true);
  for (const text of [
    "create database NODE",
    "create warehouse WH",
    "create table T (ID int, NAME varchar, V variant, AT timestamp_ntz, D date, B boolean, F float, X binary)",
    "create stage ST",
  ])
    await step(text.slice(0, 40), () => run(text).then(() => true), true);
  await step(
    "insert with binds",
    async () => (await run("insert into T (ID, NAME, B, F) values (?, ?, ?, ?)", [1, "it's", true, 1.5])).statement.getNumUpdatedRows(),
    1,
  );
  await step(
    "insert of many",
    async () => (await rows("insert into T (ID, NAME) values (?, ?)", [[2, "b"], [3, null], [4, "d"]]))[0]["number of rows inserted"],
    3,
  );
  await step("named binds", async () => rows("select :1 as A, :2 as B", [7, "x"]), [{ A: 7, B: "x" }]);
  await step("select", () => rows("select ID, NAME from T where ID < 3 order by ID"), [
    { ID: 1, NAME: "it's" },
    { ID: 2, NAME: "b" },
  ]);
  await step(
    "types",
    async () => {
      const [row] = await rows(
        "select 1.25::number(10, 2) as N, true as B, '2020-01-02'::date as D, '2020-01-02 03:04:05.678'::timestamp_ntz as T," +
          " parse_json('{\"a\": [1]}') as V, array_construct(1, 'x') as A, to_binary('FF') as X, null as Z, '01:02:03'::time as C",
      );
      return [row.N, row.B, row.D.toISOString(), row.T.toISOString(), row.V, row.A, row.X.toString("hex"), row.Z, String(row.C)];
    },
    [1.25, true, "2020-01-02T00:00:00.000Z", "2020-01-02T03:04:05.678Z", { a: [1] }, [1, "x"], "ff", null, "01:02:03"],
  );
  await step("columns", description, [
    ["ID", "fixed"],
    ["NAME", "text"],
    ["F", "real"],
    ["D", "date"],
    ["V", "variant"],
  ]);
  await step("stream", streamed, [30000, 30000]);
  await step("transaction", transaction, 4);
  await step("async", asynchronous, [[5], false]);
  await step("put and get", files, ["UPLOADED", "content", 1]);
  await step("several statements", severalStatements, true);
  await step("an error", () => failure("select * from NOPE"), ["002003", "42S02"]);
  await step("a syntax error", () => failure("selec 1"), ["001003", "42000"]);
  await step("show", async () => (await rows("show tables"))[0].name, "T");
  await step("describe", async () => (await rows("describe table T")).map((row) => row.name).length, 8);
  await step("use", async () => (await rows("use schema NODE.PUBLIC"))[0].status, "Statement executed successfully.");
  await step("call a block", async () => (await rows("begin return 6; end"))[0]["anonymous block"], 6);
  await step(
    "session parameters",
    async () => {
      const other = await connect(
        snowflake.createConnection({ ...login, database: "NODE", schema: "PUBLIC", warehouse: "WH", queryTag: "tagged", clientSessionKeepAlive: true }),
      );
      const value = await new Promise((resolve, reject) =>
        other.execute({
          sqlText: "show parameters like 'QUERY_TAG'",
          complete: (error, _statement, found) => (error ? reject(error) : resolve(found[0].value)),
        }),
      );
      await new Promise((resolve) => other.destroy(resolve));
      return value;
    },
    "tagged",
  );
  await step(
    "a pool",
    async () => {
      const pool = snowflake.createPool({ ...login, warehouse: "WH" }, { max: 4, min: 0 });
      const found = await Promise.all(
        [1, 2, 3, 4, 5, 6].map((number) =>
          pool.use(
            (member) =>
              new Promise((resolve, reject) =>
                member.execute({ sqlText: `select ${number} as A`, complete: (error, _statement, all) => (error ? reject(error) : resolve(all[0].A)) }),
              ),
          ),
        ),
      );
      await pool.drain();
      await pool.clear();
      return found;
    },
    [1, 2, 3, 4, 5, 6],
  );
  await step("large whole numbers", async () => {
    await run("alter session set JS_TREAT_INTEGER_AS_BIGINT = true");
    const [found] = await rows("select 9007199254740993 as A");
    await run("alter session unset JS_TREAT_INTEGER_AS_BIGINT");
    return String(found.A);
  }, "9007199254740993");
  await step("wrong password", async () => {
    try {
      await connect(snowflake.createConnection({ ...login, password: "wrong" }));
    } catch (error) {
      return String(error.message).includes("Incorrect username or password");
    }
    return false;
  }, true);
  await step("close", () => new Promise((resolve) => connection.destroy((error) => resolve(!error))), true);
  process.exit(0);
})();

// The JDBC driver: DDL, DML, prepared statements and batches, transactions, metadata, types, files, errors.
import java.io.File;
import java.math.BigDecimal;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.Date;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.sql.Statement;
import java.sql.Timestamp;
import java.sql.Types;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.Callable;

public class Jdbc {
  static Connection connection;

  static String quoted(String text) {
    String flat = text.replaceAll("\\s+", " ");
    flat = flat.length() > 200 ? flat.substring(0, 200) : flat;
    return '"' + flat.replace("\\", "\\\\").replace("\"", "\\\"") + '"';
  }

  static void tell(String step, String outcome, String detail) {
    System.out.println("{\"step\": " + quoted(step) + ", \"outcome\": \"" + outcome + "\", \"detail\": " + quoted(detail) + "}");
  }

  static void step(String name, Callable<Object> action, Object expected) {
    try {
      String value = String.valueOf(action.call());
      boolean same = expected == null || value.equals(String.valueOf(expected));
      tell(name, same ? "answered" : "wrong", same ? "" : value + " instead of " + expected);
    } catch (Throwable error) {
      String text = String.valueOf(error.getMessage());
      tell(name, text.contains("Unsupported feature") ? "refused" : "wrong", error.getClass().getSimpleName() + ": " + text);
    }
  }

  static List<List<Object>> rows(ResultSet result) throws SQLException {
    List<List<Object>> rows = new ArrayList<>();
    int width = result.getMetaData().getColumnCount();
    while (result.next()) {
      List<Object> row = new ArrayList<>();
      for (int column = 1; column <= width; column++) row.add(result.getObject(column));
      rows.add(row);
    }
    return rows;
  }

  static List<List<Object>> query(String text) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      return rows(statement.executeQuery(text));
    }
  }

  static int update(String text) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      return statement.executeUpdate(text);
    }
  }

  static Object failure(String text) {
    try (Statement statement = connection.createStatement()) {
      statement.execute(text);
      return "no error";
    } catch (SQLException error) {
      return error.getErrorCode() + " " + error.getSQLState();
    }
  }

  static Object names(ResultSet result, int column) throws SQLException {
    List<String> names = new ArrayList<>();
    while (result.next()) names.add(result.getString(column));
    return names;
  }

  static Object prepared() throws SQLException {
    String text = "insert into T (ID, NAME, AMOUNT, D, AT, B) values (?, ?, ?, ?, ?, ?)";
    try (PreparedStatement statement = connection.prepareStatement(text)) {
      statement.setInt(1, 1);
      statement.setString(2, "it's");
      statement.setBigDecimal(3, new BigDecimal("12.50"));
      statement.setDate(4, Date.valueOf("2020-01-02"));
      statement.setTimestamp(5, Timestamp.valueOf("2020-01-02 03:04:05.678"));
      statement.setBoolean(6, true);
      return statement.executeUpdate();
    }
  }

  static Object batch() throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement("insert into T (ID, NAME) values (?, ?)")) {
      for (int id = 2; id <= 101; id++) {
        statement.setInt(1, id);
        if (id % 2 == 0) statement.setString(2, "n" + id); else statement.setNull(2, Types.VARCHAR);
        statement.addBatch();
      }
      int total = 0;
      for (int count : statement.executeBatch()) total += count;
      return total;
    }
  }

  static Object transaction() throws SQLException {
    connection.setAutoCommit(false);
    update("delete from T");
    connection.rollback();
    connection.setAutoCommit(true);
    return query("select count(*) from T");
  }

  static Object types() throws SQLException {
    String text = "select 1.25::number(10, 2), 1.5::float, true, '2020-01-02'::date, '2020-01-02 03:04:05.678'::timestamp_ntz,"
        + " '03:04:05'::time, parse_json('{\"a\":1}'), to_binary('FF'), null, 12345678901::int";
    try (Statement statement = connection.createStatement(); ResultSet result = statement.executeQuery(text)) {
      result.next();
      return List.of(result.getBigDecimal(1), result.getDouble(2), result.getBoolean(3), result.getDate(4),
          result.getTimestamp(5), result.getTime(6), result.getString(7).replaceAll("\\s", ""),
          result.getBytes(8).length, String.valueOf(result.getObject(9)), result.getLong(10));
    }
  }

  static Object columns() throws SQLException {
    try (Statement statement = connection.createStatement();
        ResultSet result = statement.executeQuery("select ID, NAME, AMOUNT, D, AT, B from T where 1 = 2")) {
      ResultSetMetaData data = result.getMetaData();
      List<String> described = new ArrayList<>();
      for (int column = 1; column <= data.getColumnCount(); column++)
        described.add(data.getColumnName(column) + " " + data.getColumnTypeName(column) + " " + data.getScale(column));
      return described;
    }
  }

  static Object files() throws Exception {
    Path folder = Files.createTempDirectory("jdbc");
    Files.writeString(folder.resolve("a.txt"), "content");
    String status = String.valueOf(query("put file://" + folder + "/a.txt @ST/in auto_compress=false").get(0).get(6));
    new File(folder.toFile(), "back").mkdir();
    query("get @ST/in/a.txt file://" + folder + "/back/");
    return List.of(status, Files.readString(folder.resolve("back/a.txt")), query("list @ST").size());
  }

  static Object many() throws SQLException {
    int count = 0;
    try (Statement statement = connection.createStatement();
        ResultSet result = statement.executeQuery("select seq4() as I, 'text' as S from table(generator(rowcount => 50000))")) {
      while (result.next()) count += result.getString(2).length() == 4 ? 1 : 0;
    }
    return count;
  }

  static Object severalStatements() throws SQLException {
    try (Statement statement = connection.createStatement()) {
      statement.unwrap(net.snowflake.client.api.statement.SnowflakeStatement.class).setParameter("MULTI_STATEMENT_COUNT", 2);
      statement.execute("select 1; select 2");
      List<Object> found = new ArrayList<>(rows(statement.getResultSet()));
      if (statement.getMoreResults()) found.addAll(rows(statement.getResultSet()));
      return found;
    }
  }

  public static void main(String[] arguments) throws Exception {
    Properties login = new Properties();
    login.put("user", System.getenv("SNOWFLAKE_USER"));
    login.put("password", System.getenv("SNOWFLAKE_PASSWORD"));
    login.put("account", System.getenv("SNOWFLAKE_ACCOUNT"));
    login.put("role", "ACCOUNTADMIN");
    login.put("ssl", "off");
    String url = "jdbc:snowflake://http://" + System.getenv("SNOWFLAKE_HOST") + ":" + System.getenv("SNOWFLAKE_PORT");
    step("connect", () -> (connection = DriverManager.getConnection(url, login)).isValid(10), true);
    for (String text : List.of("create database JDBC", "create warehouse WH",
        "create table T (ID int primary key, NAME varchar, AMOUNT number(10, 2), D date, AT timestamp_ntz, B boolean)",
        "create view V as select ID from T", "create stage ST"))
      step(text.substring(0, 14), () -> update(text), 0);
    step("prepared statement", Jdbc::prepared, 1);
    step("batch", Jdbc::batch, 100);
    step("select", () -> query("select ID, NAME, AMOUNT from T where ID < 3 order by ID"), "[[1, it's, 12.50], [2, n2, null]]");
    step("update", () -> update("update T set NAME = 'u' where ID <= 10"), 10);
    step("delete", () -> update("delete from T where ID > 100"), 1);
    step("transaction", Jdbc::transaction, "[[100]]");
    step("types", Jdbc::types,
        "[1.25, 1.5, true, 2020-01-02, 2020-01-02 03:04:05.678, 03:04:05, {\"a\":1}, 1, null, 12345678901]");
    step("columns", Jdbc::columns, "[ID NUMBER 0, NAME VARCHAR 0, AMOUNT NUMBER 2, D DATE 0, AT TIMESTAMPNTZ 9, B BOOLEAN 0]");
    step("many rows", Jdbc::many, 50000);
    step("put and get", Jdbc::files, "[UPLOADED, content, 1]");
    step("show by execute", () -> {
      try (Statement statement = connection.createStatement()) {
        return statement.execute("show tables") && statement.getResultSet().next() && statement.execute("list @ST");
      }
    }, true);
    step("describe table", () -> query("describe table T").size(), 6);
    step("several statements", Jdbc::severalStatements, "[[1], [2]]");
    DatabaseMetaData data = connection.getMetaData();
    step("product", () -> data.getDatabaseProductName(), "Snowflake");
    step("catalogs", () -> ((List<?>) names(data.getCatalogs(), 1)).contains("JDBC"), true);
    step("schemas", () -> ((List<?>) names(data.getSchemas("JDBC", null), 1)).contains("PUBLIC"), true);
    step("tables", () -> names(data.getTables("JDBC", "PUBLIC", "%", new String[] {"TABLE"}), 3), "[T]");
    step("views", () -> names(data.getTables("JDBC", "PUBLIC", "%", new String[] {"VIEW"}), 3), "[V]");
    step("tables and views", () -> names(data.getTables("JDBC", "PUBLIC", "%", null), 3), "[T, V]");
    step("columns of a table", () -> names(data.getColumns("JDBC", "PUBLIC", "T", "%"), 4), "[ID, NAME, AMOUNT, D, AT, B]");
    step("primary keys", () -> names(data.getPrimaryKeys("JDBC", "PUBLIC", "T"), 4), "[ID]");
    step("imported keys", () -> names(data.getImportedKeys("JDBC", "PUBLIC", "T"), 4), "[]");
    step("procedures", () -> names(data.getProcedures("JDBC", "PUBLIC", "%"), 3), "[]");
    step("functions", () -> names(data.getFunctions("JDBC", "PUBLIC", "%"), 3), "[]");
    step("an unknown table", () -> failure("select * from NOPE"), "2003 42S02");
    step("a syntax error", () -> failure("selec 1"), "1003 42000");
    step("catalog and schema", () -> connection.getCatalog() + "." + connection.getSchema(), "JDBC.PUBLIC");
    step("timeout of a statement", () -> {
      try (Statement statement = connection.createStatement()) {
        statement.setQueryTimeout(1);
        statement.execute("call system$wait(30)");
        return "no error";
      } catch (SQLException error) {
        return error.getErrorCode();
      }
    }, 604);
    step("close", () -> { connection.close(); return connection.isClosed(); }, true);
    System.exit(0);
  }
}

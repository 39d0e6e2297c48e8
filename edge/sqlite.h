// A thin layer over SQLite for edge/buffer.cc: RAII and errors as values. sqlite3.h is confined to
// sqlite.cc. One connection, used by one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "transport/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace godwit {

struct SqliteClose {
  void operator()(sqlite3* db) const;
};
struct SqliteFinalize {
  void operator()(sqlite3_stmt* statement) const;
};

// A prepared statement. Parameters and columns are numbered by position, parameters from 1, columns
// from 0. Must not outlive its Sqlite.
class SqliteStatement {
 public:
  explicit SqliteStatement(sqlite3_stmt* statement) : statement_(statement) {}

  // Seqs, ids and hashes are unsigned 64 bit; SQLite stores the same bits as a signed integer.
  SqliteStatement& bind(std::int64_t value);
  SqliteStatement& bind(std::uint64_t value) { return bind(static_cast<std::int64_t>(value)); }
  SqliteStatement& bind_null();
  // The bytes must stay until the statement has run.
  SqliteStatement& bind_text(std::string_view value);
  SqliteStatement& bind_blob(std::string_view value);

  // To be bound and run once more.
  SqliteStatement& reset();

  // true: a row is there to be read; false: done.
  Result<bool> step();
  // For statements without rows of interest.
  Status run();

  [[nodiscard]] bool is_null(int column) const;
  [[nodiscard]] std::int64_t integer(int column) const;
  [[nodiscard]] std::uint64_t number(int column) const;
  // Text or blob. Valid until the next step.
  [[nodiscard]] std::string_view bytes(int column) const;

 private:
  std::unique_ptr<sqlite3_stmt, SqliteFinalize> statement_;
  int next_parameter_ = 1;
};

class Sqlite {
 public:
  enum class Mode : std::uint8_t { create, read_only };

  // ":memory:" for a database in RAM. SQL may use crc32(blob).
  static Result<Sqlite> open(const std::string& path, Mode mode);

  // One or more statements without parameters.
  Status execute(const std::string& sql);
  Result<SqliteStatement> prepare(std::string_view sql);
  // First column of the first row.
  Result<std::int64_t> query_integer(std::string_view sql);
  // Rows that the last INSERT, UPDATE or DELETE changed.
  [[nodiscard]] std::int64_t changes() const;

 private:
  explicit Sqlite(sqlite3* db) : db_(db) {}
  std::unique_ptr<sqlite3, SqliteClose> db_;
};

// BEGIN ... COMMIT; rolled back at the end of the scope unless committed.
class SqliteTransaction {
 public:
  explicit SqliteTransaction(Sqlite& db) : db_(db) {}
  SqliteTransaction(const SqliteTransaction&) = delete;
  SqliteTransaction& operator=(const SqliteTransaction&) = delete;
  ~SqliteTransaction();
  Status begin();
  Status commit();

 private:
  Sqlite& db_;
  bool open_ = false;
};

}  // namespace godwit

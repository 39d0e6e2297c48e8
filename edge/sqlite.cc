#include "edge/sqlite.h"

#include <cassert>

#include <sqlite3.h>

#include "edge/crc32.h"
#include "edge/sqlite_usage.h"
#include "transport/text.h"

namespace godwit {
namespace {

constexpr int max_value_bytes = 16 << 20;  // twice the largest frame

ErrorCode code_of(int result) {
  switch (result & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return ErrorCode::corrupt;
    case SQLITE_FULL:
      return ErrorCode::full;
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_AUTH:
      return ErrorCode::permission;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return ErrorCode::unavailable;
    default:
      return ErrorCode::io;
  }
}

// crc32(x) for SQL: of the bytes of a text or blob.
void sql_crc32(sqlite3_context* context, int /*count*/, sqlite3_value** values) {
  const void* const data = sqlite3_value_blob(values[0]);
  const int size = sqlite3_value_bytes(values[0]);
  sqlite3_result_int64(context, crc32(0, data, static_cast<std::size_t>(size)));
}

Error error_of(sqlite3* db, int result) {
  const char* const text = db != nullptr ? sqlite3_errmsg(db) : sqlite3_errstr(result);
  return {code_of(result), concat("SQLite: ", text, " (code ", result, ")")};
}

}  // namespace

void SqliteClose::operator()(sqlite3* db) const { sqlite3_close(db); }
void SqliteFinalize::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }

SqliteStatement& SqliteStatement::bind(std::int64_t value) {
  [[maybe_unused]] const int result =
      sqlite3_bind_int64(statement_.get(), next_parameter_++, value);
  assert(result == SQLITE_OK);
  return *this;
}

SqliteStatement& SqliteStatement::bind_null() {
  [[maybe_unused]] const int result = sqlite3_bind_null(statement_.get(), next_parameter_++);
  assert(result == SQLITE_OK);
  return *this;
}

SqliteStatement& SqliteStatement::bind_text(std::string_view value) {
  [[maybe_unused]] const int result = sqlite3_bind_text64(
      statement_.get(), next_parameter_++, value.data(), value.size(), SQLITE_STATIC, SQLITE_UTF8);
  assert(result == SQLITE_OK);
  return *this;
}

SqliteStatement& SqliteStatement::bind_blob(std::string_view value) {
  [[maybe_unused]] const int result = sqlite3_bind_blob64(
      statement_.get(), next_parameter_++, value.data(), value.size(), SQLITE_STATIC);
  assert(result == SQLITE_OK);
  return *this;
}

SqliteStatement& SqliteStatement::reset() {
  (void)sqlite3_reset(statement_.get());  // says again what the last step said
  next_parameter_ = 1;
  return *this;
}

Result<bool> SqliteStatement::step() {
  const int result = sqlite3_step(statement_.get());
  if (result == SQLITE_ROW) return true;
  if (result == SQLITE_DONE) return false;
  return error_of(sqlite3_db_handle(statement_.get()), result);
}

Status SqliteStatement::run() {
  const auto more = step();
  if (!more) return more.error();
  return {};
}

bool SqliteStatement::is_null(int column) const {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

std::int64_t SqliteStatement::integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

std::uint64_t SqliteStatement::number(int column) const {
  return static_cast<std::uint64_t>(integer(column));
}

std::string_view SqliteStatement::bytes(int column) const {
  const void* const data = sqlite3_column_blob(statement_.get(), column);
  const int size = sqlite3_column_bytes(statement_.get(), column);
  if (data == nullptr || size <= 0) return {};
  return {static_cast<const char*>(data), static_cast<std::size_t>(size)};
}

Result<Sqlite> Sqlite::open(const std::string& path, Mode mode) {
  count_sqlite_usage();
  // One thread, a small fixed cost: no locks of SQLite's own, no shared state.
  const int flags =
      SQLITE_OPEN_NOMUTEX |
      (mode == Mode::create ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY);
  sqlite3* raw = nullptr;
  const int result = sqlite3_open_v2(path.c_str(), &raw, flags, nullptr);
  Sqlite db(raw);
  if (result != SQLITE_OK) return error_of(raw, result);
  sqlite3_extended_result_codes(raw, 1);
  sqlite3_busy_timeout(raw, 2000);
  sqlite3_create_function_v2(raw, "crc32", 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS,
                             nullptr, sql_crc32, nullptr, nullptr, nullptr);
  // A damaged length must not become an allocation.
  sqlite3_limit(raw, SQLITE_LIMIT_LENGTH, max_value_bytes);
  return db;
}

Status Sqlite::execute(const std::string& sql) {
  const int result = sqlite3_exec(db_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  if (result != SQLITE_OK) return error_of(db_.get(), result);
  return {};
}

Result<SqliteStatement> Sqlite::prepare(std::string_view sql) {
  sqlite3_stmt* raw = nullptr;
  const int result =
      sqlite3_prepare_v2(db_.get(), sql.data(), static_cast<int>(sql.size()), &raw, nullptr);
  SqliteStatement statement(raw);
  if (result != SQLITE_OK) return error_of(db_.get(), result);
  return statement;
}

Result<std::int64_t> Sqlite::query_integer(std::string_view sql) {
  auto statement = prepare(sql);
  if (!statement) return statement.error();
  const auto row = statement->step();
  if (!row) return row.error();
  return *row ? statement->integer(0) : 0;
}

std::int64_t Sqlite::changes() const { return sqlite3_changes64(db_.get()); }

SqliteTransaction::~SqliteTransaction() {
  // A failed statement may have rolled back already; then this one fails, which is fine.
  if (open_) (void)db_.execute("ROLLBACK");
}

Status SqliteTransaction::begin() {
  Status status = db_.execute("BEGIN IMMEDIATE");
  open_ = status.ok();
  return status;
}

Status SqliteTransaction::commit() {
  Status status = db_.execute("COMMIT");
  if (status) open_ = false;
  return status;
}

}  // namespace godwit

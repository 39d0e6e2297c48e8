// JsonCursor: walks over one JSON text (RFC 8259) from front to back, member by member, without a
// tree. For the pod list of KubeEdge's MetaServer; a JSON library would not fit into the agent.
//
// Each value must be consumed once, by one of the functions below; one that meets another type
// skips the value. After the first fault everything ends: failed() tells.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace godwit {

class JsonCursor {
 public:
  explicit JsonCursor(std::string_view text) : text_(text) {}

  // true: an object (array) was entered; next_member (next_item) leads through it and out of it.
  bool enter_object() { return enter('{'); }
  bool enter_array() { return enter('['); }
  // false: the end.
  bool next_member(std::string& key);
  bool next_item();

  std::optional<std::string> text();
  std::optional<double> number();
  std::optional<bool> flag();
  void skip();

  [[nodiscard]] bool failed() const { return failed_; }

  static constexpr int max_depth = 32;

 private:
  bool enter(char bracket);
  bool next(char bracket);
  char peek();
  bool take(char wanted);
  void fail();
  bool read_string(std::string* out);
  bool read_escape(std::string* out);
  std::optional<unsigned> read_hex4();
  std::string_view read_word();

  std::string_view text_;
  std::size_t at_ = 0;
  int depth_ = 0;
  bool fresh_ = true;  // nothing was read yet in the present container
  bool failed_ = false;
};

}  // namespace godwit

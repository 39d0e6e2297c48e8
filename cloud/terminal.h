// Terminal: the whole screen of a terminal and its keys, for `godwit top`. ECMA-48 sequences that
// every terminal of today has, and termios; no terminfo. One at a time in a process. One thread.
//
// However the process ends, short of SIGKILL, the terminal is left as it was found.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "transport/result.h"

namespace godwit {

struct Key {
  enum class Type : std::uint8_t {
    text,  // `text` is one character, UTF-8
    up,
    down,
    left,
    page_up,
    page_down,
    home,
    end,
    enter,
    escape,
    backspace,
    interrupt,  // Ctrl-C
    suspend,    // Ctrl-Z
    redraw,     // Ctrl-L
  };
  Type type = Type::text;
  std::string text{};

  bool operator==(const Key&) const = default;
};

// The keys in `bytes`, which are taken out of it. A sequence or character that is not whole stays,
// unless `is_all` that will come for now: then ESC is a key of its own.
std::vector<Key> take_keys(std::string& bytes, bool is_all);

class Terminal {
 public:
  // Error: standard input or output is none.
  static Result<std::unique_ptr<Terminal>> open();
  ~Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  struct Size {
    std::size_t columns = 80, rows = 24;
    bool operator==(const Size&) const = default;
  };
  [[nodiscard]] static Size size();

  // Waits for keys, at most `timeout_ms`. False: the terminal is gone.
  bool wait_keys(int timeout_ms, std::vector<Key>& out);
  // Writes the lines that differ from those drawn before; there are as many as rows at most, and
  // none is wider than the screen. False: the terminal is gone.
  bool draw(const std::vector<std::string>& lines);
  // The next draw() writes all.
  void forget() { drawn_.clear(); }
  // Gives the terminal back, stops the process until it is continued, and takes it again.
  void suspend();

 private:
  Terminal() = default;
  std::string input_;
  std::vector<std::string> drawn_;
};

}  // namespace godwit

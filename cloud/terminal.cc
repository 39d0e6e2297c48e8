#include "cloud/terminal.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <utility>

#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "transport/text.h"

namespace godwit {
namespace {

// Alternate screen, no cursor, no wrapping at the right edge; and back.
constexpr std::string_view take_screen = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J";
constexpr std::string_view give_screen = "\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l";
constexpr std::array deadly = {SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV};

termios found{};  // before the first enter()
volatile std::sig_atomic_t is_taken = 0;
volatile std::sig_atomic_t must_suspend = 0;

bool write_all(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(STDOUT_FILENO, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

// Async-signal-safe.
void leave() {
  if (is_taken == 0) return;
  is_taken = 0;
  write_all(give_screen);
  tcsetattr(STDIN_FILENO, TCSADRAIN, &found);
}

void enter() {
  termios raw = found;
  raw.c_iflag &= ~static_cast<tcflag_t>(ICRNL | IXON);
  raw.c_lflag &= ~static_cast<tcflag_t>(ECHO | ICANON | ISIG | IEXTEN);
  raw.c_cc[VMIN] = 0;
  raw.c_cc[VTIME] = 0;
  is_taken = 1;
  tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
  write_all(take_screen);
}

void on_deadly(int number) {
  leave();
  signal(number, SIG_DFL);
  raise(number);
}

void on_suspend(int) { must_suspend = 1; }

struct Sequence {
  std::string_view bytes;  // behind ESC
  Key::Type type;
};
using Type = Key::Type;
constexpr Sequence sequences[] = {
    {"[A", Type::up},   {"[B", Type::down},     {"[D", Type::left},       {"[H", Type::home},
    {"[F", Type::end},  {"[5~", Type::page_up}, {"[6~", Type::page_down}, {"[1~", Type::home},
    {"[4~", Type::end}, {"OA", Type::up},       {"OB", Type::down},       {"OD", Type::left},
    {"OH", Type::home}, {"OF", Type::end},
};

// Bytes of the escape sequence at the beginning, 0: it is not whole.
std::size_t sequence_bytes(std::string_view text) {
  if (text.size() < 2) return 0;
  if (text[1] == 'O') return text.size() < 3 ? 0 : 3;
  if (text[1] != '[') return 1;
  for (std::size_t i = 2; i < text.size(); ++i) {
    if (text[i] >= 0x40 && text[i] <= 0x7e) return i + 1;
  }
  return text.size() > 32 ? text.size() : 0;
}

std::size_t character_bytes(char first) {
  const auto lead = static_cast<unsigned char>(first);
  return lead < 0xc0 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

void add_plain(std::string_view text, std::vector<Key>& keys) {
  const char c = text.front();
  if (c == '\r' || c == '\n') return keys.push_back({Type::enter});
  if (c == 0x7f || c == 0x08) return keys.push_back({Type::backspace});
  if (c == 0x03) return keys.push_back({Type::interrupt});
  if (c == 0x1a) return keys.push_back({Type::suspend});
  if (c == 0x0c) return keys.push_back({Type::redraw});
  const bool is_control = static_cast<unsigned char>(c) < 0x20;
  if (!is_control && is_utf8(text)) keys.push_back({Type::text, std::string(text)});
}

}  // namespace

std::vector<Key> take_keys(std::string& bytes, bool is_all) {
  std::vector<Key> keys;
  std::string_view rest = bytes;
  while (!rest.empty()) {
    std::size_t taken = 0;
    if (rest.front() == '\x1b') {
      taken = sequence_bytes(rest);
      if (taken == 0 && !is_all) break;
      if (taken <= 1) {
        taken = taken == 0 ? rest.size() : 1;
        keys.push_back({Type::escape});
      }
      const auto known =
          std::find_if(std::begin(sequences), std::end(sequences),
                       [&](const Sequence& one) { return one.bytes == rest.substr(1, taken - 1); });
      if (known != std::end(sequences)) keys.push_back({known->type});
    } else {
      taken = character_bytes(rest.front());
      if (taken > rest.size() && !is_all) break;
      taken = std::min(taken, rest.size());
      add_plain(rest.substr(0, taken), keys);
    }
    rest.remove_prefix(taken);
  }
  bytes = std::string(rest);
  return keys;
}

Result<std::unique_ptr<Terminal>> Terminal::open() {
  const bool is_terminal = isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1;
  if (!is_terminal || tcgetattr(STDIN_FILENO, &found) != 0) {
    return Error{
        ErrorCode::invalid,
        "this needs a terminal; `godwit nodes` and `godwit tail` write to files and pipes"};
  }
  for (const int number : deadly) signal(number, on_deadly);
  signal(SIGTSTP, on_suspend);
  enter();
  return std::unique_ptr<Terminal>(new Terminal);
}

Terminal::~Terminal() {
  leave();
  for (const int number : deadly) signal(number, SIG_DFL);
  signal(SIGTSTP, SIG_DFL);
}

Terminal::Size Terminal::size() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) {
    return {};
  }
  return {size.ws_col, size.ws_row};
}

bool Terminal::wait_keys(int timeout_ms, std::vector<Key>& out) {
  pollfd ready{STDIN_FILENO, POLLIN, 0};
  const int count = poll(&ready, 1, timeout_ms);
  if (must_suspend != 0) {
    must_suspend = 0;
    out.push_back({Type::suspend});
  }
  if (count < 0) return errno == EINTR;
  if (count > 0) {
    std::array<char, 4096> bytes{};
    const ssize_t got = read(STDIN_FILENO, bytes.data(), bytes.size());
    if (got < 0 && errno != EINTR && errno != EAGAIN) return false;
    if (got == 0 && (ready.revents & (POLLHUP | POLLERR)) != 0) return false;
    if (got > 0) input_.append(bytes.data(), static_cast<std::size_t>(got));
  }
  // What is not whole by the next time never will be.
  auto keys = take_keys(input_, count == 0);
  out.insert(out.end(), std::make_move_iterator(keys.begin()), std::make_move_iterator(keys.end()));
  return true;
}

bool Terminal::draw(const std::vector<std::string>& lines) {
  std::string out;
  if (drawn_.empty()) out += "\x1b[0m\x1b[2J";
  for (std::size_t i = 0; i < std::max(lines.size(), drawn_.size()); ++i) {
    const bool is_new = i >= lines.size() || i >= drawn_.size() || lines[i] != drawn_[i];
    if (!is_new) continue;
    out += concat("\x1b[", i + 1, ";1H");
    if (i < lines.size()) out += lines[i];
    out += "\x1b[0m\x1b[K";
  }
  drawn_ = lines;
  return write_all(out);
}

void Terminal::suspend() {
  leave();
  raise(SIGSTOP);
  enter();
  forget();
}

}  // namespace godwit

// TopView: what `godwit top` shows and how keys change it. Pure: lines for a screen from a fleet;
// the terminal is terminal.h's. One thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/fleet_watch.h"
#include "cloud/node_summary.h"
#include "cloud/terminal.h"

namespace godwit {

using TopNodes = std::map<std::string, NodeSummary, std::less<>>;

// Everything that is shown besides the view's own state.
struct TopScene {
  const TopNodes& nodes;
  const FleetWatch& fleet;
  std::string broker;  // printable
  bool connected = false;
  std::string reason;  // why it is not; printable
  std::int64_t now_wall_ms = 0;
};

class TopView {
 public:
  explicit TopView(bool color) : color_(color) {}

  enum class Wish : std::uint8_t { none, quit, suspend, redraw };
  Wish on_key(const Key& key, const TopScene& scene);
  // At most `size.rows` lines of at most `size.columns` columns.
  std::vector<std::string> render(const TopScene& scene, Terminal::Size size);

 private:
  enum class Sort : std::uint8_t { name, health, use, temperature, power, backlog, last };
  enum class Page : std::uint8_t { fleet, node, help };
  using Rows = std::vector<const NodeSummary*>;

  void edit_search(const Key& key);
  void move(std::int64_t by);
  [[nodiscard]] Rows rows(const TopScene& scene) const;
  [[nodiscard]] std::string head(const TopScene& scene, std::size_t width) const;
  [[nodiscard]] std::string foot(std::size_t width) const;
  std::vector<std::string> fleet_body(const TopScene& scene, Terminal::Size size);
  std::vector<std::string> node_body(const TopScene& scene, Terminal::Size size);
  [[nodiscard]] std::vector<std::string> reading_lines(const TopScene& scene,
                                                       std::size_t width) const;
  [[nodiscard]] static std::vector<std::string> help_body();

  bool color_;
  Page page_ = Page::fleet;
  Page behind_help_ = Page::fleet;
  Sort sort_ = Sort::name;
  bool is_searching_ = false;
  std::string search_;    // of the fleet page
  std::string filter_;    // of the node page
  std::string selected_;  // node
  // By hand: then it stays selected while the order changes. Else whatever is first is.
  bool is_chosen_ = false;
  std::size_t row_ = 0;    // of the selected node, as last drawn
  std::size_t first_ = 0;  // row of the fleet page
  std::size_t line_ = 0;   // of the node page
  std::size_t page_rows_ = 10;
  bool is_moved_ = false;  // by the key that is handled
};

}  // namespace godwit

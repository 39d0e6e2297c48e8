// The two small languages of name tables (name_set.h): which series a row takes, and which labels
// it gives them.
//
// Match: conditions separated by blanks, all of which must hold: `label=value`, with alternatives
// `a|b` and `*` for any run of characters; `label!=value` for the opposite. Case does not matter:
// boards write VDD_IN and vdd_in. A label that is not there is the empty text; `__name__` is the
// metric's name.
// Labels: `name=text` separated by commas. In the text `{label}` stands for that label's value,
// `{a/b}` for the first of them that is there, `{label|lower}` for lower case, `{label|next}` for
// the number after it, `{label|none}` for "none" where it is not there; a label whose text comes
// out empty is left out. The same name again is for where the one before came out empty. A `-` in
// front of all: without the labels of the set.
#pragma once

#include <functional>
#include <string_view>

#include "transport/metric.h"

namespace godwit {

// Value of a label; empty when it is not there.
using LabelLookup = std::function<std::string_view(std::string_view name)>;

bool matches(std::string_view conditions, const LabelLookup& lookup);

std::string expand_text(std::string_view text, const LabelLookup& lookup);
// Sorted. A name that both have is taken from `labels`, even when it comes out empty there.
Labels expand_labels(std::string_view labels, std::string_view more, const LabelLookup& lookup);

// `*` stands for any run of characters, none included; case does not matter.
bool matches_glob(std::string_view pattern, std::string_view text);

}  // namespace godwit

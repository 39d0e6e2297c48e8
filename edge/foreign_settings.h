// The settings of the collectors that bring in series that are not ours: directories of textfiles,
// and the exporters to scrape.
#pragma once

#include <vector>

#include "edge/collector.h"
#include "transport/settings.h"

namespace godwit {

// Nothing for a collector of another kind.
std::vector<Setting> foreign_settings(const CollectorSpec& spec);

// The collectors to make from `common`, what all collectors have: one, or one per target of scrape,
// or none where nothing is to be read.
Result<std::vector<CollectorSettings>> finalise_foreign(const Settings& settings,
                                                        const CollectorSpec& spec,
                                                        CollectorSettings common);

}  // namespace godwit

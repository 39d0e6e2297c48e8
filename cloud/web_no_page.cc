// In place of the embedded files where the page was not built.
#include "cloud/web_page.h"

namespace godwit {

std::span<const WebAsset> web_assets() { return {}; }

}  // namespace godwit

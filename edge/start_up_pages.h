// The pages of the program itself that only its start and rare events need: code, constants,
// unwind tables. They come from the file, so the kernel can have them back at any time; let go of,
// they no longer count as this process's memory. For main(), in the static build only.
#pragma once

namespace godwit {

// What runs on is mapped again by the kernel as it is touched. Any thread, does not block.
void let_go_of_start_up_pages();

}  // namespace godwit

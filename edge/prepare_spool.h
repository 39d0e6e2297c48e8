// Makes the folder of the buffer and gives it, with Godwit's own files in it, to the user that the
// agent will run as: `godwit-agent prepare-spool`, which an init container runs as root, because
// the image has no shell. Nothing else in the folder is touched, and no symbolic link is followed:
// who may write there is not trusted with root's rights.
#pragma once

#include <string>

#include <sys/types.h>

#include "transport/result.h"

namespace godwit {

struct SpoolOwner {
  uid_t uid = 0;
  gid_t gid = 0;
  bool is_public = false;  // other users may look into the folder
};

// `folder` is absolute and its parent exists. Needs CAP_CHOWN and CAP_FOWNER unless all is right
// already. Idempotent.
Status prepare_spool(const std::string& folder, const SpoolOwner& owner);

}  // namespace godwit

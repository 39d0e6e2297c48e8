// Name set `node`: the host's readings as node_exporter's, which they are by name, label and unit
// already. What is added is whose they are: job "node-exporter", and namespace and pod of the
// agent's pod, by which KubeSphere's recording rules join node_* with kube-state-metrics
// (`on (namespace, pod) group_left (node, host_ip, role)`); without them its panels stay empty.
#include "transport/naming/name_sets.h"

namespace godwit {

const NameSet node_names = {
    .name = "node", .job = "node-exporter", .own_pod = true, .adopts = "node_*"};

}  // namespace godwit

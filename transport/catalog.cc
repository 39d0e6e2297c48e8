#include "transport/catalog.h"

#include <algorithm>
#include <array>
#include <unordered_map>
#include <vector>

namespace godwit {
namespace {

constexpr Kind gauge = Kind::gauge;
constexpr Kind counter = Kind::counter;
constexpr Kind info = Kind::info;
constexpr Kind stateset = Kind::stateset;

// clang-format off
constexpr MetricInfo table[] = {
    // Accelerators, sensors, power (hw_id and hw_type on every series).
    {"hw_gpu_info", info, "", "GPU identity: hw_name, hw_model, hw_driver_version, cuda_version, hw_bus_id, index, uuid."},
    {"hw_gpu_utilization_ratio", gauge, "ratio", "Share of time the GPU was busy."},
    {"hw_gpu_memory_usage_bytes", gauge, "bytes", "Memory in use by the GPU (shared memory on integrated GPUs)."},
    {"hw_gpu_memory_limit_bytes", gauge, "bytes", "Memory that the GPU can use."},
    {"hw_npu_info", info, "", "NPU identity: hw_name, bus id, card and chip, physical and logic id, driver version."},
    {"hw_npu_utilization_ratio", gauge, "ratio", "Share of time the NPU unit named by hw_npu_task (aicore, npu, ...) was busy."},
    {"hw_npu_memory_usage_bytes", gauge, "bytes", "NPU memory in use, by hw_memory_type (ddr, hbm)."},
    {"hw_npu_memory_limit_bytes", gauge, "bytes", "NPU memory in all, by hw_memory_type (ddr, hbm)."},
    {"hw_npu_hugepages_used", gauge, "", "Huge pages (2 MiB) of the NPU in use."},
    {"hw_npu_hugepages_limit", gauge, "", "Huge pages (2 MiB) of the NPU in all."},
    {"hw_status", stateset, "", "State of a component, one series per hw_state (ok, degraded, failed, unknown): 1 for the present one."},
    {"hw_temperature_celsius", gauge, "celsius", "Temperature of a sensor, zone or chip."},
    {"hw_temperature_limit_celsius", gauge, "celsius", "Temperature limit, by hw_limit_type (high.degraded, high.critical)."},
    {"hw_power_watts", gauge, "watts", "Power of a rail, chip or card at this moment."},
    {"hw_energy_joules_total", counter, "joules", "Energy that a GPU or a rail used since the agent's start, integrated from its power."},
    {"hw_host_power_watts", gauge, "watts", "Power of the whole board at this moment."},
    {"hw_voltage_volts", gauge, "volts", "Voltage of a rail."},
    {"hw_fan_speed_ratio", gauge, "ratio", "Fan drive, share of full speed."},
    {"hw_fan_speed_rpm", gauge, "rpm", "Fan speed in turns per minute."},
    {"hw_cpu_speed_hertz", gauge, "hertz", "Clock of a CPU core at this moment."},
    {"hw_errors_total", counter, "", "Errors that a component counted, by error_type."},

    // What neither node_exporter nor OpenTelemetry names.
    {"godwit_problem", gauge, "", "1 while the node has the problem named by type, 0 while it has not; absent while that cannot be told."},
    {"godwit_problems_total", counter, "", "How often the problem named by type came for the reason named, since the agent began."},
    {"godwit_problem_info", info, "", "A problem that is there or cannot be told: type, reason, message."},
    {"godwit_problem_transition_timestamp_seconds", gauge, "seconds", "When the problem named by type came, went or could not be told any more, seconds since 1970."},
    {"godwit_clock_throttled", gauge, "", "1 while the accelerator's clocks are held down for the reason named."},
    {"godwit_clock_throttled_seconds_total", counter, "seconds", "Time for which a GPU's clocks were held down for the reason named."},
    {"godwit_clock_event_reasons", gauge, "", "Why a GPU's clocks are not higher: bits of nvidia-smi's clocks_event_reasons.active."},
    {"godwit_clock_hertz", gauge, "hertz", "Clock of a unit (GPU, memory controller, engine) at this moment."},
    {"godwit_clock_limit_hertz", gauge, "hertz", "Clock limit of a unit, by limit (min, max)."},
    {"godwit_current_amperes", gauge, "amperes", "Current of a rail."},
    {"godwit_current_limit_amperes", gauge, "amperes", "Current limit of a rail, by limit (warning, critical)."},
    {"godwit_cpu_online", gauge, "", "1 when the CPU core is switched on."},
    {"godwit_cpu_utilization_ratio", gauge, "ratio", "Share of time a CPU core was not idle."},
    {"godwit_cpu_governor_info", info, "", "Frequency governor of a CPU core: governor."},
    {"godwit_power_limit_watts", gauge, "watts", "Power limit of a GPU."},
    {"godwit_engine_utilization_ratio", gauge, "ratio", "Share of time the GPU's engine (encoder, decoder) was busy."},
    {"godwit_engine_online", gauge, "", "1 when the engine (encoder, decoder, DLA, ...) is in use."},
    {"godwit_memory_controller_utilization_ratio", gauge, "ratio", "Share of the memory controller's bandwidth in use."},
    {"godwit_memory_free_4mib_blocks", gauge, "", "Free blocks of 4 MiB: how much contiguous memory is left."},
    {"godwit_fan_info", info, "", "Fan control: profile, governor, control."},
    {"godwit_board_info", info, "", "Board identity: model, module, soc, l4t, jetpack, cuda_version, cuda_arch_bin."},
    {"godwit_nvpmodel_info", info, "", "Power mode in force: id, mode."},
    {"godwit_jetson_clocks_enabled", gauge, "", "1 when jetson_clocks holds the clocks at their maximum."},
    {"godwit_gpu_memory_free_bytes", gauge, "bytes", "Memory of the GPU that is free."},
    {"godwit_gpu_memory_reserved_bytes", gauge, "bytes", "Memory of the GPU that its driver and firmware keep for themselves."},
    {"godwit_gpu_row_remap_pending", gauge, "", "1 while rows of the GPU's memory wait for a reset to be remapped."},
    {"godwit_gpu_row_remap_failure", gauge, "", "1 when a row of the GPU's memory could not be remapped."},
    {"godwit_gpu_last_xid", gauge, "", "The Xid that NVIDIA's driver logged last of a GPU, 0 for none since the boot; label xid says the same."},
    {"godwit_gpu_error", gauge, "", "1 while nvidia-smi fails, by reason."},
    {"godwit_gpu_railgate_enabled", gauge, "", "1 when the GPU may be powered off while idle."},
    {"godwit_accelerator_process_memory_bytes", gauge, "bytes", "Accelerator memory of a process (largest ones only)."},
    {"godwit_accelerator_pod_info", info, "", "A container that uses an accelerator: namespace, pod, container."},
    {"godwit_accelerator_processes", gauge, "", "Processes that use the accelerator."},
    {"godwit_jtop_info", info, "", "The jtop service that answers: version."},
    {"godwit_jtop_sample_age_seconds", gauge, "seconds", "Age of the data that the jtop service serves."},
    {"godwit_jtop_interval_seconds", gauge, "seconds", "Period at which the jtop service collects."},
    {"godwit_npu_error", gauge, "", "1 for each error that npu-smi reports instead of data, by reason."},
    {"godwit_npu_fault_info", info, "", "Fault codes that an NPU reports while its health is not OK: code."},

    // Host, exactly as node_exporter names them.
    {"node_uname_info", gauge, "", "Kernel and node name, as uname says."},
    {"node_boot_time_seconds", gauge, "seconds", "Time of boot, seconds since 1970."},
    {"node_time_seconds", gauge, "seconds", "Time of the node, seconds since 1970."},
    {"node_cpu_seconds_total", counter, "seconds", "Time each CPU spent in each mode."},
    {"node_cpu_guest_seconds_total", counter, "seconds", "Time each CPU spent for guests in each mode."},
    {"node_load1", gauge, "", "Load average of 1 minute."},
    {"node_load5", gauge, "", "Load average of 5 minutes."},
    {"node_load15", gauge, "", "Load average of 15 minutes."},
    {"node_memory_*_bytes", gauge, "bytes", "Field of /proc/meminfo in bytes."},
    {"node_memory_*", gauge, "", "Field of /proc/meminfo that is a count."},
    {"node_context_switches_total", counter, "", "Context switches."},
    {"node_intr_total", counter, "", "Interrupts serviced."},
    {"node_forks_total", counter, "", "Forks."},
    {"node_procs_running", gauge, "", "Processes that can run."},
    {"node_procs_blocked", gauge, "", "Processes that wait for I/O."},
    {"node_cpu_frequency_max_hertz", gauge, "hertz", "Highest clock of the CPU's hardware."},
    {"node_cpu_frequency_min_hertz", gauge, "hertz", "Lowest clock of the CPU's hardware."},
    {"node_cpu_scaling_frequency_hertz", gauge, "hertz", "Clock of the CPU at this moment."},
    {"node_cpu_scaling_frequency_max_hertz", gauge, "hertz", "Highest clock that the CPU is allowed."},
    {"node_cpu_scaling_frequency_min_hertz", gauge, "hertz", "Lowest clock that the CPU is allowed."},
    {"node_vmstat_*", gauge, "", "Field of /proc/vmstat."},
    {"node_filefd_allocated", gauge, "", "Open files."},
    {"node_filefd_maximum", gauge, "", "Most files that may be open."},
    {"node_disk_reads_completed_total", counter, "", "Reads completed."},
    {"node_disk_reads_merged_total", counter, "", "Reads merged."},
    {"node_disk_read_bytes_total", counter, "bytes", "Bytes read."},
    {"node_disk_read_time_seconds_total", counter, "seconds", "Time spent by all reads."},
    {"node_disk_writes_completed_total", counter, "", "Writes completed."},
    {"node_disk_writes_merged_total", counter, "", "Writes merged."},
    {"node_disk_written_bytes_total", counter, "bytes", "Bytes written."},
    {"node_disk_write_time_seconds_total", counter, "seconds", "Time spent by all writes."},
    {"node_disk_io_now", gauge, "", "I/O requests in progress."},
    {"node_disk_io_time_seconds_total", counter, "seconds", "Time during which I/O was in progress."},
    {"node_disk_io_time_weighted_seconds_total", counter, "seconds", "Time of I/O, weighted by the requests in progress."},
    {"node_disk_discards_completed_total", counter, "", "Discards completed."},
    {"node_disk_discards_merged_total", counter, "", "Discards merged."},
    {"node_disk_discarded_sectors_total", counter, "", "Sectors discarded."},
    {"node_disk_discard_time_seconds_total", counter, "seconds", "Time spent by all discards."},
    {"node_disk_flush_requests_total", counter, "", "Flushes completed."},
    {"node_disk_flush_requests_time_seconds_total", counter, "seconds", "Time spent by all flushes."},
    {"node_filesystem_size_bytes", gauge, "bytes", "Size of the file system."},
    {"node_filesystem_free_bytes", gauge, "bytes", "Free space."},
    {"node_filesystem_avail_bytes", gauge, "bytes", "Free space for users other than root."},
    {"node_filesystem_files", gauge, "", "File nodes in all."},
    {"node_filesystem_files_free", gauge, "", "File nodes that are free."},
    {"node_filesystem_readonly", gauge, "", "1 when mounted read-only."},
    {"node_filesystem_device_error", gauge, "", "1 when the file system could not be asked."},
    {"node_network_*_total", counter, "", "Column of /proc/net/dev."},
    {"node_network_receive_bytes_total", counter, "bytes", "Bytes received."},
    {"node_network_transmit_bytes_total", counter, "bytes", "Bytes sent."},
    {"node_network_up", gauge, "", "1 when the interface's operational state is up."},
    {"node_network_carrier", gauge, "", "1 when there is a physical link."},
    {"node_network_speed_bytes", gauge, "bytes", "Speed of the link per second."},
    {"node_network_mtu_bytes", gauge, "bytes", "Largest packet."},
    {"node_network_info", info, "", "Interface: address, broadcast, duplex, ifalias, operstate."},
    {"node_nf_conntrack_entries", gauge, "", "Connections that are tracked."},
    {"node_nf_conntrack_entries_limit", gauge, "", "Most connections that can be tracked."},
    {"node_sockstat_*", gauge, "", "Field of /proc/net/sockstat."},
    {"node_sockstat_*_bytes", gauge, "bytes", "Memory of sockets."},
    {"node_netstat_*", gauge, "", "Field of /proc/net/snmp."},
    {"node_pressure_*_waiting_seconds_total", counter, "seconds", "Time during which some tasks waited for the resource."},
    {"node_pressure_*_stalled_seconds_total", counter, "seconds", "Time during which no task could go on for want of the resource."},
    {"node_thermal_zone_temp", gauge, "celsius", "Temperature of a thermal zone."},
    {"node_cooling_device_cur_state", gauge, "", "Present throttling step of a cooling device."},
    {"node_cooling_device_max_state", gauge, "", "Highest throttling step of a cooling device."},
    {"node_hwmon_chip_names", info, "", "Sensor chip: its readable name."},
    {"node_hwmon_sensor_label", info, "", "Sensor: its readable label."},
    {"node_hwmon_temp_celsius", gauge, "celsius", "Temperature of a sensor."},
    {"node_hwmon_temp_max_celsius", gauge, "celsius", "Upper bound of the sensor's normal range."},
    {"node_hwmon_temp_crit_celsius", gauge, "celsius", "Critical temperature of the sensor."},
    {"node_hwmon_fan_rpm", gauge, "rpm", "Fan speed in turns per minute."},
    {"node_os_info", info, "", "Operating system, as /etc/os-release says."},
    {"node_os_version", gauge, "", "Major and minor version of the operating system."},
    {"node_timex_offset_seconds", gauge, "seconds", "Offset between the local clock and its reference."},
    {"node_timex_maxerror_seconds", gauge, "seconds", "Largest error of the local clock."},
    {"node_timex_estimated_error_seconds", gauge, "seconds", "Estimated error of the local clock."},
    {"node_timex_sync_status", gauge, "", "1 when the clock is synchronised to a reliable server."},

    {"node_textfile_mtime_seconds", gauge, "seconds", "When a textfile that was read was last written, seconds since 1970."},
    {"node_textfile_scrape_error", gauge, "", "1 when a textfile or a directory of them could not be read."},
    // Pods of the node, as cAdvisor and kube-state-metrics name them; network of the node.
    {"container_cpu_usage_seconds_total", counter, "seconds", "CPU time of a container; without the label container, of the whole pod."},
    {"container_memory_working_set_bytes", gauge, "bytes", "Memory that a container, or the whole pod, cannot do without: usage less inactive file pages."},
    {"kube_pod_info", info, "", "A pod on the node: namespace, pod, uid."},
    {"kube_pod_start_time", gauge, "", "When the pod was started, seconds since 1970."},
    {"kube_pod_status_phase", gauge, "", "1 for the phase that the pod is in, 0 for the others."},
    {"kube_pod_status_ready", gauge, "", "1 while the pod is ready."},
    {"kube_pod_container_info", info, "", "A container that runs: container_id. The agent keeps it to itself."},
    {"kube_pod_container_device_info", info, "", "A device that the kubelet gave to a container: resource, device. The agent keeps it to itself."},
    {"kube_pod_container_status_restarts_total", counter, "", "How often a container was started anew."},
    {"kube_pod_container_resource_requests", gauge, "", "What a container asks for, by resource and unit."},
    {"kube_pod_container_resource_limits", gauge, "", "What a container may use at most, by resource and unit."},
    {"godwit_network_rtt_seconds", gauge, "seconds", "Time that a TCP connect to the target takes: the mean of a few."},
    {"godwit_network_loss_ratio", gauge, "ratio", "Share of the TCP connects to the target that failed, of a few."},

    // The agent itself.
    {"godwit_collector_success", gauge, "", "1 when the collector's last run succeeded."},
    {"godwit_collector_duration_seconds", gauge, "seconds", "Time the collector's last run took."},
    {"godwit_collector_last_success_timestamp_seconds", gauge, "seconds", "Time of the collector's last success, seconds since 1970."},
    {"godwit_agent_info", info, "", "The agent: version, and the pod that it runs in."},
    {"godwit_scrape_samples", gauge, "", "Samples that the last scrape of a target gave."},
    {"godwit_scrape_dropped_samples_total", counter, "", "Samples of a target that were left out, by reason."},
    {"godwit_textfile_errors_total", counter, "", "Readings of a textfile (or of a directory of them) that failed."},
    {"godwit_textfile_dropped_samples_total", counter, "", "Samples of textfiles that were left out: too many series, or the same one twice."},
    {"godwit_buffer_ticks", gauge, "", "Ticks that wait for delivery."},
    {"godwit_buffer_bytes", gauge, "bytes", "Bytes of the frames that wait for delivery."},
    {"godwit_buffer_limit_bytes", gauge, "bytes", "Bytes that the buffer may take on the disk (buffer.max_bytes)."},
    {"godwit_buffer_oldest_age_seconds", gauge, "seconds", "Age of the oldest tick that waits for delivery."},
    {"godwit_buffer_dropped_ticks_total", counter, "", "Ticks lost before delivery, by reason."},
    {"godwit_buffer_dropped_samples_total", counter, "", "Samples of the ticks that were dropped, by reason."},
    {"godwit_buffer_thinned_ticks_total", counter, "", "Ticks left out of older readings because the buffer was nearly full."},
    {"godwit_buffer_thinned_samples_total", counter, "", "Samples of the ticks that were thinned out."},
    {"godwit_buffer_durability", gauge, "", "1 for the setting buffer.durability: mode."},
    {"godwit_buffer_syncs_total", counter, "", "How often the buffer waited for the disk (fsync)."},
    {"godwit_buffer_written_bytes_total", counter, "bytes", "Bytes the agent handed to the disk."},
    {"godwit_buffer_in_memory", gauge, "", "1 while readings are kept in RAM because the buffer file cannot be used."},
    {"godwit_link_connected", gauge, "", "1 while the link to the broker is up."},
    {"godwit_link_rtt_seconds", gauge, "seconds", "Round-trip time of the connection to the broker, as TCP sees it."},
    {"godwit_link_sent_bytes_total", counter, "bytes", "Payload bytes published."},
    {"godwit_link_sent_frames_total", counter, "", "Frames published, resends included."},
    {"godwit_link_resent_frames_total", counter, "", "Frames published again for want of an ack."},
    {"godwit_link_overtaking_frames_total", counter, "", "Frames of fresh readings that were sent before a backlog."},
    {"godwit_link_budget_state", stateset, "", "What the link's caps do to readings (open, thinned, held)."},
    {"godwit_link_wire_bytes_total", counter, "bytes", "Bytes over the link at IP level since the agent began, by direction (sent, received)."},
    {"godwit_link_day_bytes", gauge, "bytes", "Bytes over the link at IP level this UTC day, by direction (sent, received)."},
    {"godwit_link_day_limit_bytes", gauge, "bytes", "Cap of the bytes over the link in a UTC day, where there is one."},
    {"godwit_link_month_bytes", gauge, "bytes", "Bytes over the link at IP level this billing month, by direction (sent, received)."},
    {"godwit_link_month_limit_bytes", gauge, "bytes", "Cap of the bytes over the link in a month, where there is one."},
    {"godwit_link_rejected_ticks_total", counter, "", "Ticks that the relay refused for good, by reason."},
    {"godwit_clock_state", stateset, "", "Where the wall time comes from (synchronised, relay, unknown), or disputed: nothing is sent."},
    {"godwit_clock_ahead_seconds", gauge, "seconds", "The machine's wall clock minus the time that readings are given."},
    {"godwit_clock_steps_total", counter, "", "Steps of the known wall time by more than a second since the start."},
    {"godwit_clock_unconfirmed_seconds", gauge, "seconds", "Time since the kernel or a relay last agreed with the wall time."},
    {"godwit_process_resident_memory_bytes", gauge, "bytes", "Resident memory of the agent."},
    {"godwit_process_cpu_seconds_total", counter, "seconds", "CPU time of the agent."},
    {"godwit_relay_info", info, "", "A relay: relay (its name), version."},
    {"godwit_relay_received_messages_total", counter, "", "Messages received, by kind."},
    {"godwit_relay_received_bytes_total", counter, "bytes", "Payload bytes received from the broker."},
    {"godwit_relay_ignored_messages_total", counter, "", "Messages that were not used, by reason."},
    {"godwit_relay_acks_total", counter, "", "Answers to nodes, by verdict."},
    {"godwit_relay_unsent_acks_total", counter, "", "Answers that the link did not take; the nodes send again."},
    {"godwit_relay_duplicate_frames_total", counter, "", "Frames that were stored or under way when they came again."},
    {"godwit_relay_stored_samples_total", counter, "", "Samples that the database has answered 2xx for."},
    {"godwit_relay_found_stored_samples_total", counter, "", "Samples that were stored already when their frame was written again."},
    {"godwit_relay_dropped_samples_total", counter, "", "Samples of stored frames that were left out, by reason."},
    {"godwit_relay_delivered_frames_total", counter, "", "Frames stored."},
    {"godwit_relay_delivery_seconds_total", counter, "seconds", "Time from arrival to stored, summed over frames."},
    {"godwit_relay_write_requests_total", counter, "", "Requests to the database."},
    {"godwit_relay_write_retries_total", counter, "", "Requests sent again after a failure."},
    {"godwit_relay_write_refused_total", counter, "", "Requests that the database refused (400, 409, 413, 422)."},
    {"godwit_relay_write_failed_total", counter, "", "Requests without an answer or with another error."},
    {"godwit_relay_write_bytes_total", counter, "bytes", "Compressed bytes sent to the database."},
    {"godwit_relay_write_seconds_total", counter, "seconds", "Time spent waiting for the database."},
    {"godwit_relay_queue_frames", gauge, "", "Frames that wait for the database."},
    {"godwit_relay_queue_bytes", gauge, "bytes", "Bytes of the frames that wait for the database."},
    {"godwit_relay_schemas", gauge, "", "Schema messages in memory."},
    {"godwit_relay_out_of_order_ok", gauge, "", "1 while the database is known to take samples older than a series' last."},
    {"godwit_relay_out_of_order_window_seconds", gauge, "seconds", "How old such a sample may be; 0 for any age, or not known."},
    {"godwit_relay_eventbus_envelopes_total", counter, "", "Envelopes that came through KubeEdge's EventBus, by result."},
    {"godwit_relay_eventbus_answers_total", counter, "", "Answers given to KubeEdge's Router, by result."},
    {"godwit_relay_kubernetes_requests_total", counter, "", "Requests about Nodes to the Kubernetes API, by result (ok, conflict, missing, denied, failed)."},
    {"godwit_relay_kubernetes_patches_total", counter, "", "Requests that changed a Node."},
    {"godwit_relay_kubernetes_refused_nodes_total", counter, "", "Reports of nodes that there was no room for."},
    {"godwit_relay_kubernetes_dropped_events_total", counter, "", "Events that were too many, or that the Kubernetes API never took."},
    {"godwit_relay_kubernetes_nodes", gauge, "", "Nodes whose Node object this relay looks after at the moment."},
    {"godwit_relay_kubernetes_missing_nodes", gauge, "", "Of them, nodes that Kubernetes does not have."},
    {"godwit_relay_kubernetes_behind_seconds", gauge, "seconds", "How long the Node that waits longest for its turn is due."},
    {"godwit_relay_link_connected", gauge, "", "1 while the relay is connected to the broker."},
    {"godwit_node_online", gauge, "", "1 while the agent of a node is connected to the broker."},
    {"godwit_node_backlog_ticks", gauge, "", "Ticks that wait on a node, as it said when it connected or left."},
    {"godwit_node_catching_up", gauge, "", "1 while the frames of a node are backlog."},
    {"godwit_node_lost_ticks_total", counter, "", "Ticks of a node that will never come, by reason, as it last declared; begins anew with its buffer."},
    {"godwit_node_last_frame_timestamp_seconds", gauge, "seconds", "When the last frame of a node came."},
};
// clang-format on

bool matches(std::string_view pattern, std::size_t star, std::string_view name) {
  const std::string_view head = pattern.substr(0, star);
  const std::string_view tail = pattern.substr(star + 1);
  return name.size() > head.size() + tail.size() && name.starts_with(head) && name.ends_with(tail);
}

struct Index {
  std::unordered_map<std::string_view, const MetricInfo*> exact;
  std::vector<const MetricInfo*> patterns;  // longest first, so that the most exact one wins

  Index() {
    for (const auto& entry : table) {
      if (entry.name.find('*') == std::string_view::npos) {
        exact.emplace(entry.name, &entry);
      } else {
        patterns.push_back(&entry);
      }
    }
    std::sort(patterns.begin(), patterns.end(), [](const MetricInfo* a, const MetricInfo* b) {
      return a->name.size() > b->name.size();
    });
  }
};

}  // namespace

std::span<const MetricInfo> catalog() { return table; }

const MetricInfo* find_metric(std::string_view name) {
  static const Index index;
  if (const auto it = index.exact.find(name); it != index.exact.end()) return it->second;
  for (const MetricInfo* entry : index.patterns) {
    if (matches(entry->name, entry->name.find('*'), name)) return entry;
  }
  return nullptr;
}

std::string_view kind_name(Kind kind) {
  constexpr std::array<std::string_view, 4> names = {"gauge", "counter", "info", "stateset"};
  return names[static_cast<std::size_t>(kind)];
}

}  // namespace godwit

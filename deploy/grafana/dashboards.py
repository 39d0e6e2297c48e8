#!/usr/bin/env python3
"""The source of Godwit's dashboards: `deploy/grafana/dashboards.py` writes godwit-*.json beside itself. Queries ask for names of
transport/catalog.cc alone. A node's own readings have it as `instance`, what relays say of a node has it as `node`."""
import json
import pathlib

from model import (ALERT_STATE, BLUE, GREEN, HEALTH, ON_OFF, ORANGE, RED, SEVERITY, UNKNOWN, YES_NO, Board, column, graph, mapped,
                   stat, states, steps, table, variable)

HERE = pathlib.Path(__file__).parent
N = 'cluster=~"$cluster",instance=~"$node"'  # a node's readings
R = 'cluster=~"$cluster",node=~"$node"'  # what relays say of it
C = 'cluster=~"$cluster"'
ALERTS = f'ALERTS{{{R},alertname=~"Godwit.*",alertstate="firing"}}'
HOT = steps(GREEN, (75, ORANGE), (90, RED))
BUSY = steps(GREEN, (0.8, ORANGE), (0.95, RED))
NONE_IS_BEST = steps(GREEN, (1, RED))


def by_node(query):
    """The labels of a node's readings as relays have them, so that both make one row."""
    return f'max by (cluster, node) (label_replace({query}, "node", "$1", "instance", "(.*)"))'


def worst(kind, by):
    """3 failed, 2 degraded, 1 unknown, 0 ok."""
    of = [f'{value} * hw_status{{{N}{kind},hw_state="{state}"}}'
          for value, state in ((3, "failed"), (2, "degraded"), (1, "unknown"), (0, "ok"))]
    return f"max by ({by}) ({' or '.join(of)})"


def to(board, name="${__data.fields.Node}"):
    return (f"/d/{board}?var-datasource=${{datasource}}&${{cluster:queryparam}}&var-node={name}&${{__url_time_range}}")


ONLINE = f"max by (cluster, node) (godwit_node_online{{{R}}})"
CPU = f'1 - avg by (cluster, instance) (rate(node_cpu_seconds_total{{{N},mode="idle"}}[$__rate_interval]))'
MEMORY = f"1 - node_memory_MemAvailable_bytes{{{N}}} / node_memory_MemTotal_bytes{{{N}}}"
DISK = ('max by (cluster, instance, mountpoint) (1 - node_filesystem_avail_bytes{%s,fstype!~"tmpfs|squashfs|iso9660|overlay"}'
        ' / (node_filesystem_size_bytes{%s} > 0))' % (N, N))
NETWORK = [(f'rate(node_network_receive_bytes_total{{{N},device!="lo"}}[$__rate_interval])', "{{device}} received"),
           (f'-rate(node_network_transmit_bytes_total{{{N},device!="lo"}}[$__rate_interval])', "{{device}} sent")]
UTILISATION = f'hw_gpu_utilization_ratio{{{N}}} or hw_npu_utilization_ratio{{{N}}}'


def host(board, node=True):
    board.row("Host")
    name = "" if node else "{{instance}}"
    board.add(8, 7,
              graph("CPU", "Share of time that the CPUs were not idle.", (CPU, name or "busy"), "percentunit", 0, 1),
              graph("Memory", "Share of the memory that is in use and cannot be given back.", (MEMORY, name or "used"),
                    "percentunit", 0, 1),
              graph("Network", "Bytes per second of each interface; sent is drawn downwards.",
                    [(q, f"{name} {legend}".strip()) for q, legend in NETWORK], "Bps"))


def fleet():
    board = Board("godwit-fleet", "Godwit fleet", "Every node at a glance: who is there, what is wrong, what is behind.",
                  [variable("node", "Node", f"label_values(godwit_node_online{{{C}}}, node)", True, True)])
    accelerators = f'count(hw_status{{{N},hw_type=~"gpu|npu",hw_state=~"degraded|failed"}} == 1) or vector(0)'
    board.row("Now")
    board.add(3, 4,
              stat("Online", "Nodes whose agent is connected to the broker.", f"sum({ONLINE})"),
              stat("Offline", "Nodes that a relay knows and that are not connected. They keep their readings.",
                   f"count({ONLINE} == 0) or vector(0)", thresholds=steps(GREEN, (1, ORANGE))),
              stat("Catching up", "Nodes whose last frame was history.",
                   f"sum(max by (cluster, node) (godwit_node_catching_up{{{R}}})) or vector(0)",
                   thresholds=steps(GREEN, (1, BLUE))),
              stat("Alerts", "Alerts of Godwit that fire. Needs the rules of deploy/prometheus.",
                   f'count(ALERTS{{{C},alertname=~"Godwit.*",alertstate="firing"}}) or vector(0)', thresholds=NONE_IS_BEST),
              stat("Accelerators", "GPUs and NPUs that are read.", f'count(hw_status{{{N},hw_type=~"gpu|npu",hw_state="ok"}})'),
              stat("Not healthy", "GPUs and NPUs that are degraded or failed.", accelerators, thresholds=NONE_IS_BEST),
              stat("Lost in a day", "Ticks that nodes declared lost or thinned in the last 24 hours.",
                   f"sum(increase(godwit_node_lost_ticks_total{{{R}}}[24h])) or vector(0)", thresholds=NONE_IS_BEST, decimals=0),
              stat("Stored", "Samples per second that the database has confirmed.",
                   f"sum(rate(godwit_relay_stored_samples_total{{{C}}}[$__rate_interval]))", "short"))
    board.row("Nodes")
    board.add(24, 11, table(
        "Nodes", "One row per node that a relay knows. Values of an offline node stay empty until it is back. The node's name leads to "
        "its dashboards.", {"cluster": "Cluster", "node": "Node"}, [
            (ONLINE, column("State", mappings=ON_OFF, width=90)),
            (by_node(UTILISATION), column("Accelerator", "percentunit", BUSY, gauge=1)),
            (by_node(CPU), column("CPU", "percentunit", BUSY, gauge=1)),
            (by_node(MEMORY), column("Memory", "percentunit", BUSY, gauge=1)),
            (by_node(f"hw_temperature_celsius{{{N}}} or node_thermal_zone_temp{{{N}}}"), column("Hottest", "celsius", HOT)),
            (by_node(f'hw_host_power_watts{{{N}}} or sum by (cluster, instance) (hw_power_watts{{{N},hw_type=~"gpu|npu"}})'),
             column("Power", "watt", decimals=1)),
            (f"time() - max by (cluster, node) (godwit_node_last_frame_timestamp_seconds{{{R}}})",
             column("Last frame", "s", steps(GREEN, (300, ORANGE), (3600, RED)), decimals=0)),
            (by_node(f"godwit_buffer_ticks{{{N}}}"), column("Waiting ticks", "short", steps(UNKNOWN, (1000, BLUE)))),
            (f"sum by (cluster, node) (godwit_node_lost_ticks_total{{{R}}})", column("Lost ticks", "short", steps(UNKNOWN, (1, ORANGE)))),
            (by_node(f"sum by (cluster, instance) (godwit_link_day_bytes{{{N}}})"), column("Link today", "bytes")),
        ], shown=[column("Node", links=[
            {"title": "Agent and link", "url": to("godwit-agent")}, {"title": "Jetson", "url": to("godwit-jetson")},
            {"title": "Ascend", "url": to("godwit-ascend")}])], sort="State", descending=False))
    board.add(12, 8,
              states("Presence", "When a node was connected to the broker, as relays saw it.", ONLINE, "{{node}}", ON_OFF),
              states("Health", "The worst accelerator of each node; nodes without accelerators have none.",
                     worst(',hw_type=~"gpu|npu"', "cluster, instance"), "{{instance}}", HEALTH))
    board.row("Alerts")
    board.add(24, 7, table(
        "Alerts", "What is pending or fires now. The runbook is deploy/prometheus/RUNBOOK.md.",
        {"severity": "Severity", "alertstate": "State", "alertname": "Alert", "cluster": "Cluster", "node": "Node",
         "reason": "Reason"},
        [(f'max by (alertname, severity, alertstate, cluster, node, reason) (ALERTS{{{C},alertname=~"Godwit.*"}})', None)],
        shown=[column("Severity", mappings=SEVERITY, width=110), column("State", mappings=ALERT_STATE, width=110)],
        sort="Severity", descending=False))
    board.row("Accelerators")
    board.add(8, 8,
              graph("Utilisation", "Mean of each node's GPUs or NPUs.",
                    (f"avg by (cluster, instance) ({UTILISATION})", "{{instance}}"), "percentunit", 0, 1),
              graph("Temperature", "The hottest sensor of each node.",
                    (f"max by (cluster, instance) (hw_temperature_celsius{{{N}}})", "{{instance}}"), "celsius",
                    thresholds=steps(UNKNOWN, (90, RED))),
              graph("Power", "The whole board where it is measured, else the sum of GPUs and NPUs.",
                    (f'max by (cluster, instance) (hw_host_power_watts{{{N}}}) or sum by (cluster, instance) '
                     f'(hw_power_watts{{{N},hw_type=~"gpu|npu"}})', "{{instance}}"), "watt", 0))
    board.row("Delivery")
    board.add(8, 8,
              graph("Stored samples", "Per second, by relay. A node that catches up makes a peak.",
                    (f"rate(godwit_relay_stored_samples_total{{{C}}}[$__rate_interval])", "{{instance}}"), "short", 0, stack=True),
              graph("Time to the database", "From a frame's arrival at the relay to the database's answer, mean.",
                    (f"rate(godwit_relay_delivery_seconds_total{{{C}}}[$__rate_interval]) / "
                     f"rate(godwit_relay_delivered_frames_total{{{C}}}[$__rate_interval])", "{{instance}}"), "s", 0,
                    thresholds=steps(UNKNOWN, (5, ORANGE))),
              graph("Lost ticks", "What nodes have declared lost, by reason, since their buffers began.",
                    (f"sum by (reason) (max by (cluster, node, reason) (godwit_node_lost_ticks_total{{{R}}}))", "{{reason}}"),
                    "short", 0, stack=True))
    host(board, node=False)
    return board


def jetson():
    board = Board("godwit-jetson", "Godwit Jetson", "One Jetson: GPU, memory, clocks, power, temperatures, engines and processes.",
                  [variable("node", "Node", f"label_values(godwit_board_info{{{C}}}, instance)")], ALERTS)
    board.row("Board")
    board.add(4, 4,
              stat("Model", "The board, as its device tree and EEPROM say.", (f"godwit_board_info{{{N}}}", "{{model}}"), text=True),
              stat("JetPack and L4T", "Versions of NVIDIA's software.", (f"godwit_board_info{{{N}}}", "{{jetpack}} (L4T {{l4t}})"),
                   text=True),
              stat("Power mode", "The mode of nvpmodel in force.", (f"godwit_nvpmodel_info{{{N}}}", "{{mode}}"), text=True))
    board.add(3, 4,
              stat("Health", "State of the GPU as the agent judges it.", worst(',hw_type="gpu"', "cluster, instance"),
                   mappings=HEALTH),
              stat("Throttled", "The GPU's clocks are held down by heat or power. Empty where the board does not tell.",
                   f'max(godwit_problem{{{N},type="GPUClockThrottling"}})', mappings=YES_NO),
              stat("Power", "The whole board at this moment.", f"max(hw_host_power_watts{{{N}}})", "watt", decimals=1),
              stat("Up for", "Time since the node was started.",
                   f"max(node_time_seconds{{{N}}} - node_boot_time_seconds{{{N}}})", "s", decimals=0))
    board.row("GPU and memory")
    board.add(8, 8,
              graph("GPU", "Share of time the GPU was busy, and of its highest clock.",
                    [(f"hw_gpu_utilization_ratio{{{N}}}", "busy"),
                     (f'godwit_clock_hertz{{{N},hw_type="gpu"}} / on (cluster, instance, hw_id) '
                      f'godwit_clock_limit_hertz{{{N},hw_type="gpu",limit="max"}}', "clock")], "percentunit", 0, 1),
              graph("Memory", "CPU and GPU share it. GPU: what is mapped for the GPU.",
                    [(f"node_memory_MemTotal_bytes{{{N}}} - node_memory_MemAvailable_bytes{{{N}}}", "used"),
                     (f"hw_gpu_memory_usage_bytes{{{N}}}", "GPU"),
                     (f"node_memory_SwapTotal_bytes{{{N}}} - node_memory_SwapFree_bytes{{{N}}}", "swap"),
                     (f"node_memory_MemTotal_bytes{{{N}}}", "total")], "bytes", 0),
              graph("Memory controller", "Share of its bandwidth in use.",
                    (f"godwit_memory_controller_utilization_ratio{{{N}}}", "{{hw_id}}"), "percentunit", 0, 1))
    board.row("Power and heat")
    board.add(8, 8,
              graph("Power of rails", "Each rail that a sensor measures.",
                    (f'hw_power_watts{{{N},hw_type="power_rail"}}', "{{hw_id}}"), "watt", 0),
              graph("Temperature", "Each sensor. Boards slow down at about 97 °C and switch off at about 104 °C.",
                    (f"hw_temperature_celsius{{{N}}}", "{{hw_id}}"), "celsius", thresholds=steps(UNKNOWN, (90, ORANGE), (97, RED))),
              graph("Fan", "Share of full speed.", (f'hw_fan_speed_ratio{{{N}}}', "{{hw_id}}"), "percentunit", 0, 1))
    board.row("CPU and engines")
    board.add(8, 8,
              graph("CPU cores", "Share of time each core was not idle.", (f"godwit_cpu_utilization_ratio{{{N}}}", "CPU {{cpu}}"),
                    "percentunit", 0, 1),
              graph("CPU clocks", "Clock of each core.", (f"hw_cpu_speed_hertz{{{N}}}", "{{hw_id}}"), "hertz", 0),
              states("Engines in use", "Encoders, decoders, DLA and others.", f"godwit_engine_online{{{N}}}", "{{hw_id}}",
                     mapped((1, "in use", BLUE), (0, "off", "transparent"))))
    board.row("Processes and the jtop service")
    board.add(12, 8, table(
        "Processes on the GPU", "The largest by GPU memory.",
        {"process": "Process", "pid": "PID", "user": "User"},
        [(f"max by (process, pid, user) (godwit_accelerator_process_memory_bytes{{{N}}})", column("GPU memory", "bytes"))],
        sort="GPU memory"))
    board.add(6, 8,
              graph("Age of jtop's data", "How old the readings are that the jtop service serves.",
                    (f"godwit_jtop_sample_age_seconds{{{N}}}", "age"), "s", 0),
              graph("Disks", "Share of each file system in use.", (DISK, "{{mountpoint}}"), "percentunit", 0, 1,
                    thresholds=steps(UNKNOWN, (0.9, RED))))
    host(board)
    return board


def ascend():
    board = Board("godwit-ascend", "Godwit Ascend", "One node with Ascend NPUs: health, AI cores, memory, power, heat, processes.",
                  [variable("node", "Node", f"label_values(hw_npu_info{{{C}}}, instance)"),
                   variable("npu", "NPU", f'label_values(hw_npu_info{{{N}}}, hw_id)', True, True)], ALERTS)
    A = f'{N},hw_type="npu",hw_id=~"$npu"'
    name = "{{hw_id}}"
    cores = f'max by (cluster, instance, hw_id) (hw_npu_utilization_ratio{{{A},hw_npu_task=~"aicore|npu"}})'
    board.row("Node")
    board.add(4, 4, stat("Chips", "Model of the NPUs and how many there are.",
                         (f"count by (hw_name) (hw_npu_info{{{A}}})", "{{hw_name}}"), "none"))
    board.add(4, 4,
              stat("Driver", "Version of npu-smi.", (f"count by (npu_smi_version) (hw_npu_info{{{A}}})", "{{npu_smi_version}}"),
                   text=True),
              stat("Not healthy", "NPUs that are degraded or failed.",
                   f'count(hw_status{{{A},hw_state=~"degraded|failed"}} == 1) or vector(0)', thresholds=NONE_IS_BEST),
              stat("AI cores", "Mean utilisation of the NPUs.", f"avg({cores})", "percentunit", BUSY),
              stat("Hottest", "The hottest NPU.", f"max(hw_temperature_celsius{{{A}}})", "celsius", HOT),
              stat("Power", "All NPUs together.", f"sum(hw_power_watts{{{A}}})", "watt", decimals=0))
    board.row("NPUs")
    board.add(24, 9, table(
        "NPUs", "One row per chip: card and chip as npu-smi numbers them.", {"hw_id": "NPU"}, [
            (worst(',hw_type="npu",hw_id=~"$npu"', "hw_id"), column("Health", mappings=HEALTH)),
            (f"max by (hw_id) ({cores})", column("AI cores", "percentunit", BUSY, gauge=1)),
            (f'max by (hw_id) (hw_npu_memory_usage_bytes{{{A}}} / hw_npu_memory_limit_bytes{{{A}}})',
             column("Memory", "percentunit", BUSY, gauge=1)),
            (f"max by (hw_id) (hw_npu_memory_usage_bytes{{{A}}})", column("Used", "bytes")),
            (f"max by (hw_id) (hw_temperature_celsius{{{A}}})", column("Temperature", "celsius", HOT)),
            (f"max by (hw_id) (hw_power_watts{{{A}}})", column("Power", "watt", decimals=1)),
            (f"max by (hw_id) (godwit_accelerator_processes{{{A}}})", column("Processes")),
        ], sort="NPU", descending=False))
    board.add(12, 7,
              states("Health", "State of each NPU as the agent judges it.",
                     worst(',hw_type="npu",hw_id=~"$npu"', "hw_id"), name, HEALTH),
              table("Faults", "Fault codes that npu-smi gives for an NPU that is not OK. Empty is good.",
                    {"hw_id": "NPU", "code": "Code"},
                    [(f"max by (hw_id, code) (godwit_npu_fault_info{{{A}}})", None)]))
    board.row("Load")
    board.add(12, 8,
              graph("AI cores", "Share of time that the AI cores were busy.", (cores, name), "percentunit", 0, 1),
              graph("Memory", "Share of the memory in use (HBM; DDR of chips without).",
                    (f"hw_npu_memory_usage_bytes{{{A}}} / hw_npu_memory_limit_bytes{{{A}}}", name + " {{hw_memory_type}}"),
                    "percentunit", 0, 1),
              graph("Temperature", "Of each chip.", (f"hw_temperature_celsius{{{A}}}", name), "celsius",
                    thresholds=steps(UNKNOWN, (90, RED))),
              graph("Power", "Of each chip or card.", (f"hw_power_watts{{{A}}}", name), "watt", 0))
    board.row("Processes and npu-smi")
    board.add(12, 8, table(
        "Processes on NPUs", "The largest by NPU memory.", {"hw_id": "NPU", "process": "Process", "pid": "PID"},
        [(f"max by (hw_id, process, pid) (godwit_accelerator_process_memory_bytes{{{A}}})", column("Memory", "bytes"))],
        sort="Memory"))
    board.add(6, 8,
              graph("Huge pages", "Huge pages (2 MiB) in use.", (f"hw_npu_hugepages_used{{{A}}}", name), "short", 0),
              graph("npu-smi", "How long a reading with npu-smi takes.",
                    (f'godwit_collector_duration_seconds{{{N},collector="npu_smi"}}', "duration"), "s", 0))
    host(board)
    return board


def agent():
    board = Board("godwit-agent", "Godwit agent and link", "One node's agent: link, buffer, clock, collectors and what it costs; and the "
                  "relays.", [variable("node", "Node", f"label_values(godwit_node_online{{{C}}}, node)")], ALERTS)
    clock = mapped((1, "yes", GREEN), (0, "no", "transparent"))
    board.row("Now")
    board.add(3, 4,
              stat("State", "Whether the agent is connected to the broker, as relays see it.", f"max({ONLINE})", mappings=ON_OFF),
              stat("Last frame", "Time since a relay got a frame of this node.",
                   f"time() - max(godwit_node_last_frame_timestamp_seconds{{{R}}})", "s",
                   steps(GREEN, (300, ORANGE), (3600, RED)), decimals=0),
              stat("Oldest waiting", "Age of the oldest reading that waits for delivery; 0 when nothing does.",
                   f"max(godwit_buffer_oldest_age_seconds{{{N}}}) or vector(0)", "s", steps(GREEN, (600, BLUE), (86400, ORANGE)),
                   decimals=0),
              stat("Buffer", "Share of buffer.max_bytes in use.",
                   f"max(godwit_buffer_bytes{{{N}}} / godwit_buffer_limit_bytes{{{N}}})", "percentunit", BUSY, decimals=1),
              stat("Lasts offline", "How long the buffer lasts without a link at the present pace. Needs the rules of deploy/prometheus; "
                   "known after the agent has run for a while.",
                   f"min(node:godwit_buffer_time_to_full_seconds:min{{{R}}})", "s",
                   steps(RED, (86400, ORANGE), (604800, GREEN)), decimals=0),
              stat("Lost ticks", "What this node declared lost or thinned since its buffer began.",
                   f"sum(max by (reason) (godwit_node_lost_ticks_total{{{R}}})) or vector(0)", thresholds=steps(GREEN, (1, ORANGE))),
              stat("Time from", "Where the readings' time comes from.", (f"godwit_clock_state{{{N}}} == 1", "{{state}}"), text=True),
              stat("Agent", "Version of the agent.", (f"godwit_agent_info{{{N}}}", "{{version}}"), text=True))
    board.row("Link")
    board.add(8, 8,
              graph("Bytes over the link", "Per second at IP level, TLS and TCP included.",
                    (f"rate(godwit_link_wire_bytes_total{{{N}}}[$__rate_interval])", "{{direction}}"), "Bps", 0),
              graph("Round-trip time", "Of the connection to the broker, as TCP sees it.",
                    (f"godwit_link_rtt_seconds{{{N}}}", "round trip"), "s", 0),
              graph("Frames", "Per second. Resent: for want of an ack; overtaking: fresh ones before a backlog.",
                    [(f"rate(godwit_link_sent_frames_total{{{N}}}[$__rate_interval])", "sent"),
                     (f"rate(godwit_link_resent_frames_total{{{N}}}[$__rate_interval])", "resent"),
                     (f"rate(godwit_link_overtaking_frames_total{{{N}}}[$__rate_interval])", "overtaking")], "ops", 0),
              graph("This day and month", "Bytes over the link in this UTC day and billing month.",
                    [(f"sum by (instance) (godwit_link_day_bytes{{{N}}})", "day"),
                     (f"sum by (instance) (godwit_link_month_bytes{{{N}}})", "month")], "bytes", 0),
              states("Caps of the link", "Open; thinned: what is sent is made to last; held: the cap is used up.",
                     f"godwit_link_budget_state{{{N}}}", "{{state}}", clock),
              states("Connected", "As the agent says; while it is not, this is history that came later.",
                     f"godwit_link_connected{{{N}}}", "link", ON_OFF))
    board.row("Buffer")
    board.add(8, 8,
              graph("Waiting", "Bytes that wait for delivery.",
                    [(f"godwit_buffer_bytes{{{N}}}", "waiting"), (f"godwit_buffer_limit_bytes{{{N}}}", "limit")], "bytes", 0),
              graph("Age of the oldest", "Of the readings that wait.", (f"godwit_buffer_oldest_age_seconds{{{N}}}", "age"), "s", 0),
              graph("Given up", "Ticks that were thinned out of older readings, dropped, or refused by the relay, since the buffer began.",
                    [(f"godwit_buffer_thinned_ticks_total{{{N}}}", "thinned"),
                     (f"godwit_buffer_dropped_ticks_total{{{N}}}", "{{reason}}"),
                     (f"godwit_link_rejected_ticks_total{{{N}}}", "refused: {{reason}}")], "short", 0, stack=True),
              graph("Written to the disk", "Bytes per second that the agent hands to the disk.",
                    (f"rate(godwit_buffer_written_bytes_total{{{N}}}[$__rate_interval])", "written"), "Bps", 0),
              graph("Syncs", "How often per second the buffer waits for the disk.",
                    (f"rate(godwit_buffer_syncs_total{{{N}}}[$__rate_interval])", "fsync"), "ops", 0),
              states("In RAM alone", "Readings are kept in RAM because the buffer file cannot be used.",
                     f"godwit_buffer_in_memory{{{N}}}", "in RAM", YES_NO))
    board.row("Clock")
    board.add(8, 7,
              states("Where the time comes from", "Synchronised: the kernel vouches; relay: from acks; unknown or disputed: nothing is sent.",
                     f"godwit_clock_state{{{N}}}", "{{state}}", clock),
              graph("Machine's clock ahead", "The node's own clock minus the time that readings get.",
                    (f"godwit_clock_ahead_seconds{{{N}}}", "ahead"), "s"),
              graph("Unconfirmed for", "Time since the kernel or a relay last agreed with the time.",
                    (f"godwit_clock_unconfirmed_seconds{{{N}}}", "unconfirmed"), "s", 0))
    board.row("Collectors and cost")
    board.add(12, 8,
              states("Collectors", "Whether the last run of each collector succeeded. A source that does not exist is no failure.",
                     f"godwit_collector_success{{{N}}}", "{{collector}}", mapped((1, "ok", GREEN), (0, "failed", RED))),
              graph("Time of a run", "How long each collector's last run took.",
                    (f"godwit_collector_duration_seconds{{{N}}}", "{{collector}}"), "s", 0))
    board.add(12, 7,
              graph("Memory of the agent", "Resident memory.", (f"godwit_process_resident_memory_bytes{{{N}}}", "resident"), "bytes", 0),
              graph("CPU of the agent", "Share of one CPU.",
                    (f"rate(godwit_process_cpu_seconds_total{{{N}}}[$__rate_interval])", "CPU"), "percentunit", 0))
    board.row("Relays")
    relay = "{{instance}}"
    board.add(8, 8,
              graph("Queue", "Frames that wait for the database.", (f"godwit_relay_queue_frames{{{C}}}", relay), "short", 0),
              graph("Answers to nodes", "Per second, by verdict: stored releases the readings on the node.",
                    (f"sum by (verdict) (rate(godwit_relay_acks_total{{{C}}}[$__rate_interval]))", "{{verdict}}"), "ops", 0, stack=True),
              graph("Requests to the database", "Per second. Failed: no answer or an error; refused: 400, 409, 413, 422.",
                    [(f"sum(rate(godwit_relay_write_requests_total{{{C}}}[$__rate_interval]))", "all"),
                     (f"sum(rate(godwit_relay_write_failed_total{{{C}}}[$__rate_interval]))", "failed"),
                     (f"sum(rate(godwit_relay_write_refused_total{{{C}}}[$__rate_interval]))", "refused")], "ops", 0),
              graph("Time of a request", "Mean time that the database takes.",
                    (f"rate(godwit_relay_write_seconds_total{{{C}}}[$__rate_interval]) / "
                     f"rate(godwit_relay_write_requests_total{{{C}}}[$__rate_interval])", relay), "s", 0),
              graph("Dropped samples", "Samples of stored frames that the database does not have, by reason, since the relay began.",
                    (f"sum by (reason) (godwit_relay_dropped_samples_total{{{C}}})", "{{reason}}"), "short", 0, stack=True),
              states("Connected to the broker", "Each relay.", f"godwit_relay_link_connected{{{C}}}", relay, ON_OFF))
    return board


BOARDS = (fleet, jetson, ascend, agent)


def text(board):
    """A line for each panel, so that a change of one shows as one."""
    content = board.json()
    panels = ",\n".join("  " + json.dumps(panel, ensure_ascii=False) for panel in content.pop("panels"))
    head = ",\n".join(f" {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in content.items())
    return f'{{\n{head},\n "panels": [\n{panels}\n ]\n}}\n'


def texts():
    """{file name: content}."""
    return {f"{board.head[0]}.json": text(board) for board in (make() for make in BOARDS)}


if __name__ == "__main__":
    for file, content in texts().items():
        (HERE / file).write_text(content)

"""A fleet of simulated nodes at a broker: births, schemas and frames as agents publish them
(transport/FRAME.md), without the agents."""
import hashlib
import struct
import time

import paho.mqtt.client as mqtt


def pack(value):
    """MessagePack of what the messages are made of."""
    if value is True or value is False:
        return b"\xc3" if value else b"\xc2"
    if isinstance(value, int):
        return b"\xcf" + struct.pack(">Q", value) if value >= 0 else b"\xd3" + struct.pack(">q", value)
    if isinstance(value, float):
        return b"\xcb" + struct.pack(">d", value)
    if isinstance(value, bytes):
        return b"\xc5" + struct.pack(">H", len(value)) + value
    if isinstance(value, str):
        text = value.encode()
        return b"\xda" + struct.pack(">H", len(text)) + text
    if isinstance(value, dict):
        return b"\xdf" + struct.pack(">I", len(value)) + b"".join(pack(k) + pack(v) for k, v in value.items())
    return b"\xdd" + struct.pack(">I", len(value)) + b"".join(map(pack, value))


def now_ms():
    return int(time.time() * 1000)


def schema_of(series):
    """(id, message) of [(name, labels), ...]."""
    rows = [[name, 0, dict(sorted(labels.items()))] for name, labels in series]
    message = pack({"v": 1, "a": rows})
    return hashlib.sha256(message).digest()[:8], message


def frame_of(schema, seq, time_ms, values, history=False):
    """One tick; None: no value."""
    codes = bytes(0x40 if v is None else 0x30 for v in values)
    fields = {"v": 1, "s": b"\1" * 8, "i": schema, "q": [seq], "t": [time_ms]}
    if history:
        fields["h"] = True
    return pack({**fields, "c": codes, "d": [float(v) for v in values if v is not None]})


class Fleet:
    def __init__(self, port):
        self.client = mqtt.Client()
        self.client.max_inflight_messages_set(200)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        self.seq = 0

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()

    def publish(self, topic, payload, retain=False, wait=False):
        info = self.client.publish(topic, payload, qos=1, retain=retain)
        if wait:
            info.wait_for_publish(20)

    def status(self, node, online=True, wall_ms=None, wait=True, **more):
        self.publish(f"godwit/v1/{node}/status", pack({
            "online": online, "boot": "b", "session": b"\2" * 8, "t": now_ms() if wall_ms is None else wall_ms,
            "version": "0.1.0", "backlog": 0, "clock": "synchronised", **more}), True, wait)

    def schema(self, node, series, wait=True):
        name, message = schema_of(series)
        self.publish(f"godwit/v1/{node}/schema/{name.hex()}", message, True, wait)
        return name

    def frame(self, node, schema, values, time_ms=None, history=False, wait=False):
        self.seq += 1
        self.publish(f"godwit/v1/{node}/up",
                     frame_of(schema, self.seq, time_ms or now_ms(), values, history), wait=wait)

    def latest(self, node, collector, values, time_ms=None, wait=True):
        self.publish(f"godwit/v1/{node}/latest/{collector}",
                     pack({"t": time_ms or now_ms(), "v": {k: float(v) for k, v in values.items()}}), True, wait)


# What a Jetson says of itself, as far as lists of nodes show it.
JETSON = [
    ("godwit_board_info", {"module": "Jetson Orin NX 16GB"}),
    ("hw_gpu_info", {"hw_id": "gpu", "hw_type": "gpu", "hw_model": "Jetson Orin NX 16GB"}),
    ("hw_gpu_utilization_ratio", {"hw_id": "gpu", "hw_type": "gpu"}),
    ("hw_gpu_memory_usage_bytes", {"hw_id": "gpu", "hw_type": "gpu"}),
    ("hw_gpu_memory_limit_bytes", {"hw_id": "gpu", "hw_type": "gpu"}),
    ("hw_temperature_celsius", {"hw_id": "gpu", "hw_type": "temperature"}),
    ("hw_host_power_watts", {"hw_id": "board"}),
    ("hw_status", {"hw_id": "gpu", "hw_type": "gpu", "hw_state": "ok"}),
    ("hw_status", {"hw_id": "gpu", "hw_type": "gpu", "hw_state": "degraded"}),
    ("godwit_problem", {"type": "GPUHealthy", "reason": "GPUOverheating"}),
    ("godwit_problem_info", {"type": "GPUHealthy", "reason": "GPUOverheating",
                             "message": "GPU gpu: temperature above 85 C"}),
    ("godwit_buffer_ticks", {}),
    ("godwit_buffer_oldest_age_seconds", {}),
    ("godwit_link_day_bytes", {"direction": "sent"}),
]


def jetson_values(usage=0.5, celsius=50, hot=False, ticks=2, age=2):
    return [1, 1, usage, 4 << 30, 16 << 30, celsius, 12.5, 0 if hot else 1, 1 if hot else 0,
            1 if hot else 0, 1 if hot else None, ticks, age, 5 << 20]

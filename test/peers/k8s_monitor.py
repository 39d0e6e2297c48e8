"""Reads a Node object's NPU annotations as k8s-monitor does, written from its rules: what it takes as an
integer is nothing otherwise, one wrong type in the JSON makes it ignore all of it, and the JSON's chips
overwrite what the single annotations said."""
import json
import re

SUFFIXES = {"Ki": 1024, "Mi": 1024**2, "Gi": 1024**3, "K": 10**3, "M": 10**6, "G": 10**9}
CHIP = {"npu": int, "chip": int, "phy_id": int, "bus_id": str, "health": str, "power": (int, float), "temp": int,
        "aicore": int, "hbm_used": int, "hbm_total": int}


def go_float(text):
    return float(text) if re.fullmatch(r"[+-]?\d+(\.\d+)?", text) else 0.0


def go_int(text):
    return int(text) if re.fullmatch(r"[+-]?\d+", text) else 0


def memory(text):
    for suffix, factor in SUFFIXES.items():
        if text.endswith(suffix):
            return int(go_float(text[:-len(suffix)]) * factor)
    return go_int(text)


def chips_of(text):
    """The chips of the JSON annotation, or None when Go's decoder would give up."""
    try:
        chips = json.loads(text)["chips"]
        for chip in chips:
            for key, kind in CHIP.items():
                value = chip.get(key, kind() if isinstance(kind, type) else 0)
                if not isinstance(value, kind) or isinstance(value, bool):
                    return None
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    return chips


def read(node):
    """What the node's page shows."""
    notes = node["metadata"].get("annotations", {})

    def text(key):
        return notes.get("npu.huawei.com/" + key, "")
    shown = {"utilization": go_float(text("utilization")), "hbm_total": memory(text("hbm-total")),
             "hbm_used": memory(text("hbm-used")), "temperature": go_int(text("temperature")),
             "power": go_int(text("power")), "errors": go_int(text("error-count")),
             "aicores": go_int(text("aicore-count")), "health": text("health") or "Healthy", "chips": []}
    if "npu.huawei.com/hbm-utilization" in notes:
        shown["hbm_utilization"] = go_float(text("hbm-utilization"))
    else:
        shown["hbm_utilization"] = shown["hbm_used"] * 100 / shown["hbm_total"] if shown["hbm_total"] else 0.0
    chips = chips_of(notes.get("k8s-monitor.io/npu-metrics", ""))
    if not chips:
        return shown
    healthy = sum(chip.get("health") == "OK" for chip in chips)
    total = sum(chip.get("hbm_total", 0) for chip in chips) * 1024**2
    used = sum(chip.get("hbm_used", 0) for chip in chips) * 1024**2
    shown.update(
        chips=chips, utilization=sum(chip.get("aicore", 0) for chip in chips) / len(chips),
        temperature=int(sum(chip.get("temp", 0) for chip in chips) / len(chips)),
        power=int(sum(chip.get("power", 0) for chip in chips)), hbm_total=total, hbm_used=used,
        hbm_utilization=used * 100 / total if total else 0.0,
        health="Healthy" if healthy == len(chips) else "Warning" if healthy else "Unhealthy")
    return shown

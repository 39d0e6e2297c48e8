"""Inside the namespace: start the real service, read it with the agent, compare, kill it, read again."""
import os, re, signal, subprocess, sys, time

version, board, agent, site, emulation = sys.argv[1:]
SOCKET = "/run/jtop.sock"
EXPECTED = {  # as mktree.py writes the board
    "xavier-nx": {
        'hw_voltage_volts{hw_id="VDD_IN",hw_type="power_rail"}': 4.936,
        'hw_temperature_celsius{hw_id="CPU",hw_type="temperature"}': 41.5,
        'hw_fan_speed_rpm{hw_id="pwmfan",hw_type="fan"}': 1864,
        'godwit_clock_limit_hertz{hw_id="gv11b",hw_type="gpu",limit="max"}': 1109250000,
        'godwit_clock_hertz{hw_id="emc",hw_type="memory"}': 1600000000,
        'godwit_cpu_online{cpu="0"}': 1, 'godwit_cpu_online{cpu="5"}': 0,
        'godwit_nvpmodel_info{id="1",mode="MODE_15W_4CORE"}': 1,
    },
    "orin-nx": {
        'hw_voltage_volts{hw_id="VDD_IN",hw_type="power_rail"}': 4.92,
        'hw_fan_speed_rpm{hw_id="pwmfan",hw_type="fan"}': 2148,
        'godwit_clock_limit_hertz{hw_id="gpu",hw_type="gpu",limit="max"}': 918000000,
        'godwit_clock_hertz{hw_id="emc",hw_type="memory"}': 2133000000,
        'godwit_engine_online{hw_id="APE",hw_type="engine"}': 1,
        'godwit_cpu_online{cpu="7"}': 1,
    },
}
CPU_WORD = 1 / os.sysconf("SC_CLK_TCK")


def start():
    env = dict(os.environ, PYTHONPATH=emulation + "/stubs:" + site)
    service = subprocess.Popen([sys.executable, emulation + "/serve.py"], env=env,
                               stdout=open("/tmp/service.log", "a"), stderr=subprocess.STDOUT)
    for _ in range(300):
        if os.path.exists(SOCKET):
            return service
        time.sleep(0.1)
    sys.exit("the service did not come up:\n" + open("/tmp/service.log").read())


def family(pid):
    """The service and its children: its manager and its collecting process."""
    out = [pid]
    for child in open("/proc/%d/task/%d/children" % (pid, pid)).read().split():
        out += family(int(child))
    return out


def cpu_seconds(pids):
    return sum(sum(map(int, open("/proc/%d/stat" % p).read().rsplit(")", 1)[1].split()[11:13])) for p in pids) * CPU_WORD


def once():
    run = subprocess.run([agent, "once", "--collector", "jtop", "--format", "prom"], capture_output=True, text=True, timeout=60)
    series = dict(line.rsplit(" ", 1) for line in run.stdout.splitlines() if line and line[0] != "#")
    return {name: float(value) for name, value in series.items()}, run.stdout + run.stderr


def check_readings():
    series, text = once()
    for name, value in EXPECTED[board].items():
        assert name in series and abs(series[name] - value) <= 1e-6 * abs(value), (name, series.get(name), text)
    assert 'godwit_jtop_info{version="%s"}' % version in series, text
    assert series["godwit_jtop_sample_age_seconds"] < 5, text
    assert 0 < series["hw_host_power_watts"] < 100, text
    assert not re.search("14209|14217", text), "serial number in " + text
    return len(series)


service = start()
count = check_readings()
check_readings()  # a second client, at once: the timer still runs
time.sleep(4)
check_readings()  # and after the service went idle

# Nothing is left that the service has to carry: with nobody there it does nothing.
time.sleep(4)
pids = family(service.pid)
before = cpu_seconds(pids)
time.sleep(2)
used = (cpu_seconds(pids) - before) / 2
assert used < 0.25, "the idle service uses %.0f %% of a core: an answer was left on its queue" % (100 * used)

for pid in reversed(pids):
    os.kill(pid, signal.SIGKILL)
service.wait()
_, text = once()
assert "nobody listens" in text, text
os.unlink(SOCKET)
_, text = once()
assert "not there" in text and "tegra" in text, text

service = start()
check_readings()
service.send_signal(signal.SIGTERM)
service.wait(30)
print("jetson_stats %s on %s: %d series" % (version, board, count))

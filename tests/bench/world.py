"""The world that the benchmark runs in: private namespaces (tests/lab/net.sh), huge pages, and a gateway with
its vipd (tests/data/gateway).

Nothing here touches the host but vm.nr_hugepages, which huge_pages_put_back puts back.
"""
import contextlib
import fcntl
import json
import os
import signal
import socket
import subprocess
import time

DIR = "/run/rehome"
TESTS = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
NET = f'set -e; . "{TESTS}/lab/net.sh"; "$@"'
FAMILIES = (4, 6)
# What frames.cpp writes: 64 services and their servers.
HOSTS = range(2, 66)
VIP = {4: "203.0.113.{}", 6: "2001:db8:f::{:x}"}
SERVER = {4: "10.1.0.{}", 6: "2001:db8:a::{:x}"}
VIP_PREFIX = {4: "203.0.113.0/24", 6: "2001:db8:f::/64"}
MAPS = {4: ("203.0.113.0/25", "10.1.0.0/25"), 6: ("2001:db8:f::/120", "2001:db8:a::/120")}
VIP_PORT, SERVER_PORT = 5000, 6000
PACKETS_PER_MIB = 320  # of vipd's pool in huge pages, as vipd(8) says; 192 without
SPARE_PACKETS = 40_000  # rings, caches and what is on its way


class Failed(Exception):
    """The world does not do what the benchmark needs."""


def sh(*words, **options):
    done = subprocess.run(words, capture_output=True, text=True, **options)
    if done.returncode != 0:
        raise Failed(f"{' '.join(words)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def wait_until(seconds, what, condition):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise Failed(f"not within {seconds} s: {what}")
        time.sleep(0.02)


HUGE_PAGES = "/proc/sys/vm/nr_hugepages"


@contextlib.contextmanager
def huge_pages_put_back():
    """need_huge_pages changes them; afterwards they are as they were.  One benchmark at a time, or
    another one would put back what we need."""
    with open("/run/lock/rehome-bench", "w") as alone:
        fcntl.flock(alone, fcntl.LOCK_EX)
        before = open(HUGE_PAGES).read()
        try:
            yield
        finally:
            with open(HUGE_PAGES, "w") as pages:
                pages.write(before)


def need_huge_pages(mib):
    """Sees to it that so much is free."""
    def free():
        with open("/proc/meminfo") as lines:
            counts = {line.split()[0]: int(line.split()[1]) for line in lines}
        return counts["HugePages_Free:"] - counts["HugePages_Rsvd:"]
    missing = mib // 2 + 1 - free()
    if missing > 0:
        with open(HUGE_PAGES, "r+") as pages:
            wanted = int(pages.read()) + missing
            pages.seek(0)
            pages.write(str(wanted))
    if free() < mib // 2 + 1:
        raise Failed(f"the kernel has no {mib} MiB of huge pages to give")


def private(script, arguments):
    """Runs the script again where it cannot touch the host; returns its exit code."""
    return subprocess.call(["bash", "-c", NET, "net.sh", "private", script, *arguments])


def net(*words):
    """A function of tests/lab/net.sh."""
    return sh("bash", "-c", NET, "net.sh", *words)


def private_init():
    net("private_init")


def namespace(name):
    net("ns6", name)
    on(name, "sysctl", "-qw", "net.ipv6.conf.default.addr_gen_mode=1")  # nothing sent of its own accord


def veth(ns1, if1, ns2, if2, mtu=1500):
    net("veth", ns1, if1, ns2, if2, str(mtu))


def on(ns, *words):
    return sh("ip", "netns", "exec", ns, *words)


def start_on(ns, *words, **options):
    """Starts a program in a namespace, with a bpffs of its own (AF_XDP needs it)."""
    return subprocess.Popen(
        ["ip", "netns", "exec", ns, "sh", "-c",
         'mount -t bpf bpf /sys/fs/bpf && exec "$@"', "sh", *words], **options)


@contextlib.contextmanager
def lines_to(*words):
    """A function that gives a program a line more to act on; the program ends well, or Failed."""
    with subprocess.Popen(words, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
        def tell(line):
            program.stdin.write(line + "\n")
            program.stdin.flush()
        yield tell
        _, said = program.communicate()
    if program.returncode != 0:
        raise Failed(f"{' '.join(words)}: {said.strip()}")


def fixture(name):
    with open(f"{TESTS}/data/gateway/{name}.json") as file:
        return json.load(file)


def inventory(path):
    made = fixture("inventory")
    made["prefixes"] += VIP_PREFIX.values()
    made["sites"][0]["networks"] += ["10.2.0.0/15", "2001:db8:a::/48"]
    write_json(path, made)


def write_json(path, value):
    with open(path + ".new", "w") as file:
        json.dump(value, file, indent=1)
    os.rename(path + ".new", path)


def services(mode, family, protocols=("udp", "tcp")):
    """One service a host, each with one server, so that the server of a packet is known."""
    made = []
    for protocol in protocols:
        for k in HOSTS:
            # A tunnel goes over IPv4, whatever is inside.
            address = SERVER[4 if mode == "tunnel" else family].format(k)
            server = {"name": f"s{k}", "address": address}
            service = {"name": f"{protocol}{k}", "vip": VIP[family].format(k), "protocol": protocol,
                       "port": VIP_PORT, "forward": mode, "servers": [server]}
            if mode == "tunnel":
                service["encapsulation"] = "ipip"
            else:
                server["port"] = SERVER_PORT
            made.append(service)
    return made


def config(devices, *, packets, hugepages=True, served=(), maps=(), workers=1, flows=None):
    """vipd's file: devices are those of the ports red, servers and link; packets, how many the pool
    must hold.  Keys of later versions stand in it only where they are not the default."""
    made = fixture("vipd")
    made["memory"] = {"mib": max(128, (packets + SPARE_PACKETS) // (PACKETS_PER_MIB if hugepages else 192) + 1),
                      "hugepages": hugepages}
    for port, device in zip(made["ports"], devices):
        port["device"] = device
    made["services"] = list(served)
    if maps:
        made["maps"] = [{"name": f"m{i}", "vip_prefix": vip, "server_prefix": server}
                        for i, (vip, server) in enumerate(maps)]
    if workers != 1:
        made["workers"] = workers
    if flows:
        made["flows"] = flows
    return made


class Cpu:
    """The CPU time of threads, in nanoseconds, as the scheduler counts it."""

    def __init__(self, pid):
        self.pid = pid

    def threads(self):
        times = {}
        for tid in os.listdir(f"/proc/{self.pid}/task"):
            try:
                times[int(tid)] = int(open(f"/proc/{self.pid}/task/{tid}/schedstat").read().split()[0])
            except (FileNotFoundError, ProcessLookupError):
                pass  # a thread that has just ended
        return times

    def pin_busiest(self, cpus):
        """Pins the threads that poll, which are those that used most, to one CPU each; gives them."""
        before = self.threads()
        time.sleep(0.1)
        now = self.threads()
        busiest = sorted(now, key=lambda tid: before.get(tid, 0) - now[tid])[:len(cpus)]
        for tid, cpu in zip(busiest, cpus):
            os.sched_setaffinity(tid, {cpu})
        return busiest

    def spent(self, tids):
        now = self.threads()
        return sum(now[tid] for tid in tids)


class Vipd:
    """A running gateway, in a namespace of its own that goes with it."""

    serial = 0

    def __init__(self, programs, document, *, ns=None, neighbours=True, busy=True,
                 cpus=(1,), name="old"):
        self.programs = programs
        self.document = document = {**document, "control": f"{DIR}/{name}.sock"}
        self.path = f"{DIR}/{name}.json"
        Vipd.serial += 1
        # A gateway that ran before waits for its peers' first word.
        with contextlib.suppress(FileNotFoundError):
            os.remove(f"/var/lib/rehome/{name}.orders.json")
        self.own_ns = ns is None
        self.ns = ns or f"gw{Vipd.serial}"
        inventory(f"{DIR}/inventory.json")
        self.configure(document)
        self.check()
        if document["memory"]["hugepages"]:
            need_huge_pages(document["memory"]["mib"] + 64)
        if self.own_ns:
            namespace(self.ns)
        self.log = open(f"{DIR}/{name}.log", "w+")
        self.process = start_on(self.ns, f"{programs}/vipd", "run", "--config", self.path,
                                stdout=self.log, stderr=subprocess.STDOUT)
        self.cpu = Cpu(self.process.pid)
        try:
            wait_until(60, "vipd is ready", self.ready)
            self.connection = socket.socket(socket.AF_UNIX)
            self.connection.settimeout(60)
            self.connection.connect(document["control"])
            self.stream = self.connection.makefile("rw")
            if neighbours:
                self.address()
            self.workers = self.cpu.pin_busiest(cpus) if busy else []
        except BaseException:
            self.close()
            raise

    def configure(self, document):
        write_json(self.path, document)

    def check(self):
        """Refused is a kind of its own: this vipd does not know the mode yet.  Asked for a packet it reads the file as it
        does to run; `vipd check` wants the inventory's services, too, of which these are none."""
        done = subprocess.run([f"{self.programs}/vipd", "why", "--config", self.path,
                               "udp 192.0.2.1:1 > 192.0.2.2:1"], capture_output=True, text=True)
        if done.returncode == 2:
            raise Refused(done.stderr.strip().splitlines()[0])

    @property
    def pid(self):
        return self.process.pid

    def ready(self):
        said = open(self.log.name).read()
        if self.process.poll() is not None:
            raise Failed("vipd ended: " + said.strip())
        return "ready" in said

    def address(self):
        """Addresses on the twins, the default route to the carrier, neighbours that never change.

        vipd asks the kernel to resolve a next hop that it needs (NTF_USE), which undoes a permanent
        neighbour that has come in the meantime: hence again until all stay."""
        lines = ["address add 100.64.1.2/30 dev red", "address add 10.1.0.1/24 dev servers",
                 "address add 10.99.0.1/30 dev link", "address add 2001:db8:64::2/64 dev red nodad",
                 "address add 2001:db8:a::1/64 dev servers nodad",
                 "route add default via 100.64.1.1", "route add default via 2001:db8:64::1",
                 "neigh replace 100.64.1.1 lladdr 02:00:00:00:00:99 dev red nud permanent",
                 "neigh replace 10.99.0.2 lladdr 02:00:00:00:00:98 dev link nud permanent",
                 "neigh replace 2001:db8:64::1 lladdr 02:00:00:00:00:99 dev red nud permanent"]
        lines += [f"neigh replace {SERVER[family].format(k)} lladdr 02:00:00:00:01:{k:02x} "
                  "dev servers nud permanent" for k in HOSTS for family in FAMILIES]
        neighbours = [line for line in lines if line.startswith("neigh")]
        sh("ip", "-n", self.ns, "-batch", "-", input="\n".join(lines) + "\n")
        for _ in range(20):
            time.sleep(0.3)
            kept = sh("ip", "-n", self.ns, "neigh", "show", "nud", "permanent")
            if sum("lladdr 02:00" in line for line in kept.splitlines()) == len(neighbours):
                return
            sh("ip", "-n", self.ns, "-batch", "-", input="\n".join(neighbours) + "\n")
        raise Failed("the neighbours do not stay permanent")

    def ask(self, **request):
        self.stream.write(json.dumps(request) + "\n")
        self.stream.flush()
        answer = json.loads(self.stream.readline())
        if not answer["ok"]:
            raise Failed(f"vipctl {request['command']}: {answer['error']}")
        return answer["result"]

    def stats(self):
        return self.ask(command="stats")

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def close(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()
        if self.own_ns:
            sh("ip", "netns", "delete", self.ns)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Refused(Failed):
    """This vipd does not take the configuration that a row needs."""

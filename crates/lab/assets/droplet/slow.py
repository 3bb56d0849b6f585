"""Delays every packet that leaves a droplet, where the kernel has no netem to do it.

Arguments: the delay in milliseconds, 0 to end it; the droplet's address. Packets are routed into
a tunnel device, wait here, and leave by a raw socket whose mark keeps them out of the tunnel.
"""

import collections
import fcntl
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import time

DEVICE = "slow0"
NUMBER = "77"  # of the mark, the routing table and the rule
PID_FILE = "/run/practice/slow.pid"
TUNNEL = "/dev/net/tun"
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
LONGEST_QUEUE = 20_000


def ip(*words, must=True):
    quiet = None if must else subprocess.DEVNULL
    subprocess.run(["ip", *words], check=must, stderr=quiet)


def end_earlier():
    ip("rule", "del", "pref", NUMBER, must=False)
    try:
        with open(PID_FILE) as file:
            os.kill(int(file.read()), signal.SIGKILL)
        os.unlink(PID_FILE)
    except (FileNotFoundError, ProcessLookupError, ValueError):
        pass
    # The device goes with the process, a moment later.
    while os.path.exists(f"/sys/class/net/{DEVICE}"):
        time.sleep(0.01)


def begin(address):
    if not os.path.exists(TUNNEL):
        os.makedirs(os.path.dirname(TUNNEL), exist_ok=True)
        os.mknod(TUNNEL, 0o600 | 0o020000, os.makedev(10, 200))
    tunnel = os.open(TUNNEL, os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tunnel, TUNSETIFF, struct.pack("16sH", DEVICE.encode(), IFF_TUN | IFF_NO_PI))
    out = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    out.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, int(NUMBER))
    # Masquerading takes the address of the device that a packet leaves by.
    ip("address", "add", f"{address}/32", "dev", DEVICE)
    ip("link", "set", DEVICE, "up")
    ip("route", "replace", "default", "dev", DEVICE, "src", address, "table", NUMBER)
    ip("rule", "add", "not", "fwmark", NUMBER, "table", NUMBER, "pref", NUMBER)
    return tunnel, out


def carry(tunnel, out, delay):
    waiting = collections.deque()
    while True:
        left = max(0.0, waiting[0][0] - time.monotonic()) if waiting else None
        readable, _, _ = select.select([tunnel], [], [], left)
        if readable:
            try:
                packet = os.read(tunnel, 65536)
                # What is not IPv4 has nowhere to go here.
                if packet[0] >> 4 == 4 and len(waiting) < LONGEST_QUEUE:
                    waiting.append((time.monotonic() + delay, packet))
            except BlockingIOError:
                pass
        while waiting and waiting[0][0] <= time.monotonic():
            _, packet = waiting.popleft()
            try:
                out.sendto(packet, (socket.inet_ntoa(packet[16:20]), 0))
            except OSError:
                pass  # As on any wire, what cannot be sent is lost.


def main():
    delay, address = float(sys.argv[1]) / 1000, sys.argv[2]
    end_earlier()
    if delay == 0:
        return
    tunnel, out = begin(address)
    if os.fork():
        return
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(null, descriptor)
    with open(PID_FILE, "w") as file:
        file.write(str(os.getpid()))
    carry(tunnel, out, delay)


main()

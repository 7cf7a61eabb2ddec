#!/usr/bin/env python3
"""Makes a network that is far away, for measuring what distance costs. Needs root, Linux and iproute2.

    python3 benches/far.py 50        # milliseconds there and back; runs until it is interrupted

What is started with `ip netns exec far …` and listens on 10.9.0.2 is reached from here at that address. Each packet is
handed on after half of the time, so that connecting, TLS and slow start take as long as they do on a real line; there is no
limit of bandwidth.
"""

import ctypes
import fcntl
import os
import select
import struct
import subprocess
import sys
import time
from collections import deque

SPACE = "far"
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
CLONE_NEWNET = 0x40000000
PACKET_MAX = 60_000


def device(name):
    """Makes a network device whose packets are read and written here."""
    handle = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(handle, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TUN | IFF_NO_PI))
    return handle


def enter(network):
    """Moves this process into another network."""
    if ctypes.CDLL(None, use_errno=True).setns(network, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "cannot enter a network")


def ip(*words):
    subprocess.run(["ip", *words], check=True)


def hand_on(ends, delay):
    """Takes packets from each of two devices to the other, a while later."""
    waiting = {end: deque() for end in ends}
    other = dict(zip(ends, reversed(ends)))
    while True:
        due = min((queue[0][0] for queue in waiting.values() if queue), default=time.monotonic() + 1)
        select.select(ends, [], [], max(0, due - time.monotonic()))
        for end in ends:
            try:
                while True:
                    packet = os.read(end, PACKET_MAX + 1)
                    waiting[other[end]].append((time.monotonic() + delay, packet))
            except BlockingIOError:
                pass
        for end, queue in waiting.items():
            while queue and queue[0][0] <= time.monotonic():
                os.write(end, queue.popleft()[1])


def main():
    delay = float(sys.argv[1]) / 2000
    ip("netns", "add", SPACE)
    try:
        home, away = os.open("/proc/self/ns/net", os.O_RDONLY), os.open(f"/run/netns/{SPACE}", os.O_RDONLY)
        here = device("near")
        enter(away)
        there = device("far")
        enter(home)
        for name, address, inside in [("near", "10.9.0.1/24", []), ("far", "10.9.0.2/24", ["-n", SPACE])]:
            ip(*inside, "address", "add", address, "dev", name)
            ip(*inside, "link", "set", name, "mtu", str(PACKET_MAX), "txqueuelen", "10000", "up")
        hand_on([here, there], delay)
    except KeyboardInterrupt:
        pass
    finally:
        ip("netns", "delete", SPACE)


main()

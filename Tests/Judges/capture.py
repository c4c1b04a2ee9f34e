"""Captures the packets of the loopback interface while a person uses PetPro, and looks for that person's words in them.

usage: capture.py PETPRO

Three platforms are started, one after the other. With the usual settings nothing may be on the ports of the services, and with TLS
nothing on any port. Without either, the same capture must have every word: else silence would mean nothing. Needs Linux, and root
or CAP_NET_RAW, because it reads raw packets.
"""

import http.client
import json
import os
import re
import select
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading

HTTP, BASE = 18095, 14095
CANARIES = ["canary-email", "Canary Person", "canary-password", "Canary Rex", "canary notes", "canary reason"]
ETH_P_ALL = 3


class Capture:
    """Reads all TCP packets of the loopback interface that concern one of the ports, and keeps each direction's bytes."""

    def __init__(self, ports):
        self.ports, self.streams, self.packets = set(ports), {}, 0
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 20)
        self.socket.bind(("lo", 0))
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.read)
        self.thread.start()

    def read(self):
        while True:
            if not select.select([self.socket], [], [], 0.2)[0]:
                if self.ended.is_set():
                    return
                continue
            packet, place = self.socket.recvfrom(1 << 17)
            # A packet of loopback comes twice: as it leaves, and as it arrives.
            if place[2] == socket.PACKET_OUTGOING or packet[12:14] != b"\x08\x00" or packet[23] != socket.IPPROTO_TCP:
                continue
            tcp = 14 + (packet[14] & 15) * 4
            end = 14 + struct.unpack("!H", packet[16:18])[0]
            source, target, sequence = struct.unpack("!HHI", packet[tcp : tcp + 8])
            if self.ports.isdisjoint((source, target)):
                continue
            data = packet[tcp + (packet[tcp + 12] >> 4) * 4 : end]
            if data:
                self.packets += 1
                self.streams.setdefault((source, target), {})[sequence] = data

    def end(self):
        """Returns what was said, each direction of each connection in the order of its bytes."""
        self.ended.set()
        self.thread.join()
        self.socket.close()
        return [b"".join(data for _, data in sorted(parts.items())) for parts in self.streams.values()]


class Person:
    def __init__(self, context):
        self.context, self.token = context, None

    def send(self, method, path, body, status):
        if self.context:
            connection = http.client.HTTPSConnection("localhost", HTTP, context=self.context, timeout=30)
        else:
            connection = http.client.HTTPConnection("127.0.0.1", HTTP, timeout=30)
        headers = {"Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = "Bearer " + self.token
        connection.request(method, path, json.dumps(body), headers)
        response = connection.getresponse()
        text = response.read().decode()
        connection.close()
        if response.status != status:
            sys.exit(f"{method} {path}: {response.status} in place of {status}: {text}")
        return json.loads(text)

    def live(self):
        """Registers, signs in, enters a pet, books, and cancels."""
        email, password = "canary-email@petpro.example", "canary-password"
        account = {"email": email, "password": password, "name": "Canary Person"}
        self.send("POST", "/api/auth/register", account, 201)
        signed_in = self.send("POST", "/api/auth/login", {"email": email, "password": password}, 200)
        self.token = signed_in["accessToken"]
        pet = self.send("POST", "/api/pets", {"name": "Canary Rex", "species": "dog", "notes": "canary notes"}, 201)
        booking = self.send("POST", "/api/bookings", self.wish(pet["id"]), 201)
        self.send("POST", f"/api/bookings/{booking['id']}/cancel", {"reason": "canary reason"}, 200)

    def wish(self, pet):
        """Returns a booking at the first slot of a demo vendor that has one."""
        import datetime

        for ahead in range(2, 15):
            day = datetime.date.today() + datetime.timedelta(days=ahead)
            slots = self.send("GET", f"/api/vendors/3/availability?serviceId=6&date={day}", None, 200)
            for slot in slots.get("slots", []):
                if slot.get("available", True):
                    wish = {"vendorId": 3, "serviceId": 6, "petId": pet, "start": slot["start"]}
                    return wish | {"notes": "canary notes"}
        sys.exit(f"no slot in two weeks: {slots}")


def capture(petpro, arguments, settings, ports, context=None):
    """Returns the words that a capture of the ports has."""
    with tempfile.TemporaryDirectory() as folder:
        options = ["--demo", "--data", folder + "/data", "--password-cost", "10", "--http", f"127.0.0.1:{HTTP}"]
        capture = Capture(ports)
        program = subprocess.Popen(
            [petpro, "up", *options, "--base-port", str(BASE), "--log-level", "error", *arguments],
            env=os.environ | settings, stdout=subprocess.PIPE, text=True)
        try:
            for line in program.stdout:
                if line.startswith("ready "):
                    break
            else:
                sys.exit("petpro did not start")
            Person(context).live()
        finally:
            program.send_signal(signal.SIGTERM)
            program.wait()
            streams = capture.end()
    octets = sum(map(len, streams))
    if octets < 3000:
        sys.exit(f"the capture has only {octets} bytes")
    found = [word for word in CANARIES if any(word.encode() in stream for stream in streams)]
    print(f"  {capture.packets} packets, {octets} bytes, {len(streams) // 2} connections; found: {found or 'nothing'}")
    return found


def main():
    petpro = sys.argv[1]
    services = range(BASE, BASE + 4)
    print("between the services, with the usual settings")
    usual = capture(petpro, [], {}, services)
    with tempfile.TemporaryDirectory() as certificates:
        subprocess.run([petpro, "certs", "dev", "--out", certificates], check=True, stdout=subprocess.DEVNULL)
        tls = {
            "PETPRO_GATEWAY_TLS_CERTIFICATE": certificates + "/gateway.pem",
            "PETPRO_GATEWAY_TLS_KEY": certificates + "/gateway.key",
        }
        context = ssl.create_default_context(cafile=certificates + "/authority.pem")
        print("on every port, with TLS")
        encrypted = capture(petpro, ["--tls", certificates], tls, [*services, HTTP], context)
    print("between the services, with neither")
    never = {"ROOKERY_CLIENT_FIELDS_MODE": "never", "ROOKERY_SERVER_FIELDS_MODE": "never"}
    plain = capture(petpro, ["--plain-data"], never, services)
    if usual or encrypted:
        sys.exit("a person's words are on the wire")
    if plain != CANARIES:
        sys.exit(f"the capture misses words that were sent: {[word for word in CANARIES if word not in plain]}")


main()

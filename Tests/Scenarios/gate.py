"""Gates between nodes: loopback ports that pass connections on until they are shut."""
from __future__ import annotations

import socket
import threading

PIECE_BYTES = 65_536


class Gate:
    """Passes bytes on between whoever connects and `target`.

    `shut` ends what is there and refuses what comes; `silence` keeps everything open and passes nothing on, as a network
    does that loses every packet. `open` undoes both.
    """

    def __init__(self, target: int):
        self.target = target
        self.is_shut = False
        # Cleared while nothing is to be passed on.
        self.passes = threading.Event()
        self.passes.set()
        self.lock = threading.Lock()
        self.ends: set[socket.socket] = set()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def shut(self) -> None:
        self.is_shut = True
        self.drop_all()

    def silence(self) -> None:
        self.passes.clear()

    def open(self) -> None:
        # Whoever was silenced for long has given up, or will find that the bytes go on where they stopped.
        self.is_shut = False
        self.passes.set()

    def close(self) -> None:
        self.is_shut = True
        self.passes.set()
        self.listener.close()
        self.drop_all()

    def drop_all(self) -> None:
        with self.lock:
            ends, self.ends = self.ends, set()
        for end in ends:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def accept(self) -> None:
        while True:
            try:
                accepted, _ = self.listener.accept()
            except OSError:
                return
            if self.is_shut:
                accepted.close()
                continue
            threading.Thread(target=self.join, args=(accepted,), daemon=True).start()

    def join(self, accepted: socket.socket) -> None:
        try:
            dialled = socket.create_connection(("127.0.0.1", self.target), 5)
            dialled.settimeout(None)
        except OSError:
            accepted.close()
            return
        with self.lock:
            self.ends |= {accepted, dialled}
        # It may have been shut while we dialled.
        if self.is_shut:
            self.drop_all()
        threading.Thread(target=self.copy, args=(dialled, accepted), daemon=True).start()
        self.copy(accepted, dialled)

    def copy(self, source: socket.socket, target: socket.socket) -> None:
        try:
            while piece := source.recv(PIECE_BYTES):
                self.passes.wait()
                target.sendall(piece)
        except OSError:
            pass
        with self.lock:
            self.ends -= {source, target}
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()

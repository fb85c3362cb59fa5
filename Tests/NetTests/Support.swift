import Bytes
import Glibc
import Net
import Testing

struct SplitMix64: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}

func randomBytes(_ count: Int, seed: UInt64) -> [UInt8] {
    var generator = SplitMix64(seed: seed)
    return (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
}

let anyLoopbackPort = "127.0.0.1:0"

/// Runs a loop until the test stops it. A test that waits for something that never comes fails after 20 seconds.
func withLoop(_ setUp: (EventLoop) throws -> Void) throws {
    try EventLoop.run { loop in
        loop.schedule(after: .seconds(20)) {
            Issue.record("nothing happened until the deadline")
            loop.stop()
        }
        try setUp(loop)
    }
}

/// Writes down what it hears and lets a test react.
final class Recorder: StreamHandler {
    var received: [UInt8] = []
    var openedCount = 0
    var drainedCount = 0
    var reasons: [CloseReason] = []
    var onOpened: (Stream) -> Void = { _ in }
    var onReceived: (Stream, [UInt8]) -> Void = { _, _ in }
    var onDrained: (Stream) -> Void = { _ in }
    var onClosed: (Stream, CloseReason) -> Void = { _, _ in }

    func streamOpened(_ stream: Stream) {
        openedCount += 1
        onOpened(stream)
    }

    func stream(_ stream: Stream, received bytes: UnsafeRawBufferPointer) {
        #expect(reasons.isEmpty, "bytes after the last call")
        #expect(!bytes.isEmpty)
        received.append(contentsOf: bytes)
        onReceived(stream, Array(bytes))
    }

    func streamDrained(_ stream: Stream) {
        drainedCount += 1
        onDrained(stream)
    }

    func streamClosed(_ stream: Stream, reason: CloseReason) {
        reasons.append(reason)
        onClosed(stream, reason)
    }
}

/// A listener whose streams get the handlers that `makeHandler` returns, kept alive here.
final class Server {
    private(set) var handlers: [Recorder] = []
    private(set) var streams: [Net.Stream] = []
    private(set) var address: SocketAddress
    private var listener: Listener?

    init(
        _ loop: EventLoop, at text: String = anyLoopbackPort, tls: TLSContext? = nil,
        limits: EgressQueue.Limits = EgressQueue.Limits(), _ configure: @escaping (Recorder) -> Void
    ) throws {
        address = try SocketAddress(numeric: text)
        let listener = try Listener(loop: loop, address: address, tls: tls, egressLimits: limits) {
            [weak self] stream in
            let recorder = Recorder()
            configure(recorder)
            self?.handlers.append(recorder)
            self?.streams.append(stream)
            stream.handler = recorder
        }
        self.listener = listener
        address = listener.localAddress
    }

    var shedCount: Int { listener?.shedCount ?? 0 }

    func close() { listener?.close() }
}

/// A blocking socket of the test's own, for peers that behave as no `Stream` does.
struct RawSocket {
    let descriptor: Int32

    init(receiveBufferBytes: Int32? = nil) {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        if var size = receiveBufferBytes {
            setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
        }
    }

    private func withLoopback<Result>(
        port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
    ) -> Result {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }

    func connect(to address: SocketAddress) {
        #expect(withLoopback(port: address.port) { Glibc.connect(descriptor, $0, $1) } == 0)
    }

    /// Does not wait; a queue that is full leaves the attempt pending.
    func beginConnect(toPort port: UInt16) {
        _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
        _ = withLoopback(port: port) { Glibc.connect(descriptor, $0, $1) }
    }

    /// Listens with the shortest queue and returns the port taken.
    func listenWithoutQueue() -> UInt16 {
        #expect(withLoopback(port: 0) { Glibc.bind(descriptor, $0, $1) } == 0)
        #expect(Glibc.listen(descriptor, 0) == 0)
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        _ = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
        }
        return UInt16(bigEndian: address.sin_port)
    }

    func send(_ bytes: [UInt8]) {
        #expect(Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count)
    }

    /// What is there now, at most `count` bytes.
    func receiveNow(_ count: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { buffer, length in
            length = max(0, recv(descriptor, buffer.baseAddress, count, Int32(MSG_DONTWAIT)))
        }
    }

    /// Closing with a reset instead of a FIN.
    func reset() {
        var option = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
        close()
    }

    func finishSending() { shutdown(descriptor, Int32(SHUT_WR)) }

    func close() { Glibc.close(descriptor) }
}

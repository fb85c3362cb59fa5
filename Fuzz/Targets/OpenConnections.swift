import WebSocket

/// Connections that are open, one of each kind, to copy from: an opening handshake for each input would take most of
/// the time. (What compresses must not be copied and is not here.)
enum OpenConnections {
    /// The first ones are the defaults.
    static let limits: [Limits] = {
        func limits(_ message: Int, _ fragments: Int, _ pongs: Int) -> Limits {
            var limits = Limits()
            (limits.messageBytesMax, limits.fragmentsMax, limits.pendingPongsMax) = (message, fragments, pongs)
            return limits
        }
        return [Limits(), limits(0, 1, 0), limits(125, 3, 2), limits(1000, 2, 3), limits(65_535, 1024, 1)]
    }()

    static func connection(_ side: Side, limits: Int) -> Connection {
        side == .server ? pairs[limits].server : pairs[limits].client
    }

    // libFuzzer runs a target on one thread.
    nonisolated(unsafe) private static let pairs: [(client: Connection, server: Connection)] = limits.map { pair($0) }

    private static func pair(_ limits: Limits) -> (client: Connection, server: Connection) {
        do throws(Misuse) {
            var server = Connection.server(limits: limits)
            var client = try Connection.client(
                host: "h", path: "/", limits: limits, random: { CountedKeys.shared.next() })
            _ = server.receive(client.takeOutput())
            try server.accept()
            hold(client.receive(server.takeOutput()) == [.opened], "our sides do not agree")
            return (client, server)
        } catch { broken("our sides do not open: \(error)") }
    }
}

/// Masking keys in a known order.
final class CountedKeys: @unchecked Sendable {
    // libFuzzer runs a target on one thread.
    static let shared = CountedKeys()
    private var used: UInt32 = 0

    func restart() { used = 0 }

    func next() -> UInt32 {
        defer { used += 1 }
        return CountedKeys.value(of: used)
    }

    private static func value(of number: UInt32) -> UInt32 { (number &+ 1) &* 0x9E37_79B9 }

    /// As they stand on the wire.
    static func bytes(of number: UInt32) -> [UInt8] {
        let value = value(of: number)
        return [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
    }
}
